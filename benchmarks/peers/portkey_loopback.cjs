// Portkey's gateway has no setting for the address it listens on and takes all of them: keep it on this machine.
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return typeof port === "number" ? listen.call(this, port, "127.0.0.1", ...rest.filter((x) => typeof x === "function"))
                                  : listen.call(this, port, ...rest);
};
