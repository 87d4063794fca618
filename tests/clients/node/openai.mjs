// OpenAI's own client for Node, in front of every protocol. Settings come as JSON in the first argument; what was
// seen goes to standard output as JSON, for test_node.py to judge.
import OpenAI from "openai";

const set = JSON.parse(process.argv[2]);
const client = new OpenAI({ baseURL: `${set.base_url}/v1`, apiKey: set.api_key, maxRetries: 0, timeout: 15000 });
const user = (content) => [{ role: "user", content }];

async function failure(work) {
  try {
    await work();
    return "nothing";
  } catch (error) {
    return `${error.constructor.name} ${error.code ?? ""}`.trim();
  }
}

async function stream(model) {
  const pieces = [];
  let usage = null;
  const events = await client.chat.completions.create({
    model, messages: user(set.prompts.text), stream: true, stream_options: { include_usage: true },
  });
  for await (const event of events) {
    if (event.choices[0]?.delta?.content) pieces.push(event.choices[0].delta.content);
    usage = event.usage ?? usage;
  }
  return { text: pieces.join(""), pieces: pieces.length, tokens: usage?.total_tokens };
}

async function tool(model) {
  const runner = client.chat.completions.runTools({
    model,
    messages: user(set.prompts.tool),
    tools: [{
      type: "function",
      function: {
        name: set.tool_name, description: "Look outside.", parameters: set.tool_schema,
        parse: JSON.parse, function: (input) => `${set.outside} ${JSON.stringify(input)}`,
      },
    }],
  });
  return { text: await runner.finalContent(), call: (await runner.finalFunctionToolCall()).arguments };
}

async function schema(model) {
  const format = { type: "json_schema", json_schema: { name: "city", strict: true, schema: set.city_schema } };
  const made = await client.chat.completions.create({
    model, messages: user(set.prompts.city), response_format: format,
  });
  return JSON.parse(made.choices[0].message.content);
}

async function one(model) {
  const made = await client.chat.completions.create({ model, messages: user(set.prompts.text) });
  const response = await client.responses.create({ model, input: set.prompts.text });
  return {
    text: made.choices[0].message.content,
    response: response.output_text,
    stream: await stream(model),
    tool: await tool(model),
    schema: await schema(model),
    too_long: await failure(() => client.chat.completions.create({ model, messages: user(set.prompts.too_long) })),
    limited: await failure(() => client.chat.completions.create({ model, messages: user(set.prompts.limited) })),
  };
}

const seen = {};
for (const model of set.models) {
  seen[model] = await one(model).catch((error) => ({ error: String(error.stack) }));
}
console.log(JSON.stringify(seen));
