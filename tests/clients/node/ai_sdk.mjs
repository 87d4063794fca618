// Vercel's AI SDK, in front of every protocol, by each of the three that its providers speak: chat completions,
// responses, and Anthropic's messages. Settings come as JSON in the first argument; what was seen goes to standard
// output as JSON, for test_node.py to judge.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;
const set = JSON.parse(process.argv[2]);
const apiKey = set.api_key;
const providers = {
  chat: createOpenAICompatible({
    name: "gateway", baseURL: `${set.base_url}/v1`, apiKey, supportsStructuredOutputs: true, includeUsage: true,
  }),
  responses: createOpenAI({ baseURL: `${set.base_url}/v1`, apiKey }),
  messages: createAnthropic({ baseURL: `${set.base_url}/anthropic/v1`, apiKey }),
};

async function failure(model, prompt) {
  try {
    await generateText({ model, prompt, maxRetries: 0 });
    return "nothing";
  } catch (error) {
    return APICallError.isInstance(error) ? error.statusCode : String(error);
  }
}

async function streamed(model) {
  const pieces = [];
  let failed = null;
  const result = streamText({ model, prompt: set.prompts.text, onError: ({ error }) => { failed = error; } });
  for await (const piece of result.textStream) pieces.push(piece);
  if (failed) throw failed;
  return { text: pieces.join(""), pieces: pieces.length, tokens: (await result.usage).outputTokens };
}

async function called(model) {
  const calls = [];
  const look = tool({
    description: "Look outside.",
    inputSchema: jsonSchema(set.tool_schema),
    execute: async (input) => { calls.push(input); return set.outside; },
  });
  const made = await generateText({
    model, prompt: set.prompts.tool, tools: { [set.tool_name]: look }, stopWhen: stepCountIs(3),
  });
  return { text: made.text, calls };
}

async function one(model) {
  const made = await generateText({ model, prompt: set.prompts.text });
  const city = await generateText({
    model, prompt: set.prompts.city, output: Output.object({ schema: jsonSchema(set.city_schema) }),
  });
  return {
    text: made.text,
    finish: made.finishReason,
    stream: await streamed(model),
    tool: await called(model),
    schema: city.output,
    too_long: await failure(model, set.prompts.too_long),
    limited: await failure(model, set.prompts.limited),
  };
}

const seen = {};
for (const [spoken, provider] of Object.entries(providers)) {
  for (const name of set.models) {
    seen[`${spoken} ${name}`] = await one(provider(name)).catch((error) => ({ error: String(error.stack) }));
  }
}
console.log(JSON.stringify(seen));
