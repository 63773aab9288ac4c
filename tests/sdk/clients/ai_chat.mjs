// The `ai` package with `@ai-sdk/openai-compatible`, as people have it in their web applications.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, jsonSchema, streamText, tool } from "ai";

import { CALLS, FAILING, KEY, SAID, URL_OF_GATEWAY, equal, rejected, run } from "./trying.mjs";

const gateway = createOpenAICompatible({
  name: "semroute",
  baseURL: `${URL_OF_GATEWAY}/v1`,
  apiKey: KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const asking = (target, prompt) => ({ model: gateway(target), maxRetries: 0, prompt });
const weather = tool({ description: SAID.DESCRIPTION, inputSchema: jsonSchema(SAID.PARAMETERS) });
const tools = { [SAID.TOOL]: weather };

async function plain(target) {
  const { text, finishReason, usage } = await generateText(asking(target, "plain"));
  equal([text, finishReason, usage.totalTokens], [SAID.PLAIN, "stop", 18]);
}

async function stream(target) {
  const answer = streamText(asking(target, "plain"));
  equal([await answer.text, await answer.finishReason], [SAID.PLAIN, "stop"]);
  equal((await answer.usage).totalTokens, 18);
}

async function toolCalls(target) {
  const first = await generateText({ ...asking(target, "tools"), tools });
  await goOn(target, first.toolCalls, first.response.messages);
  const streamed = streamText({ ...asking(target, "tools"), tools });
  await goOn(target, await streamed.toolCalls, (await streamed.response).messages);
}

async function goOn(target, called, turn) {
  equal(called.map((call) => [call.toolName, call.input]), CALLS);
  const results = called.map((call, at) => ({
    type: "tool-result",
    toolCallId: call.toolCallId,
    toolName: call.toolName,
    output: { type: "text", value: SAID.WEATHER[at] },
  }));
  const messages = [{ role: "user", content: "tools" }, ...turn, { role: "tool", content: results }];
  const { text } = await generateText({ model: gateway(target), maxRetries: 0, messages, tools });
  equal(text, SAID.RESULT);
}

async function schema(target) {
  const { object } = await generateObject({ ...asking(target, "schema"), schema: jsonSchema(SAID.SCHEMA) });
  equal(object, { answer: "42" });
}

async function image(target) {
  const picture = { type: "file", data: Buffer.from(SAID.PICTURE, "base64"), mediaType: "image/png" };
  const messages = [{ role: "user", content: [{ type: "text", text: "image" }, picture] }];
  const { text } = await generateText({ model: gateway(target), maxRetries: 0, messages });
  equal(text, SAID.SEEN);
}

async function broken(target) {
  for (const scene of ["break", "midstream-error"]) {
    const errors = [];
    const answer = streamText({ ...asking(target, scene), onError: ({ error }) => errors.push(error) });
    await answer.consumeStream({ onError: () => {} });
    equal(errors.length, 1);
    await rejected(APICallError, generateText(asking(target, scene)));
  }
}

async function errors() {
  for (const [status, target] of Object.entries(FAILING)) {
    equal((await rejected(APICallError, generateText(asking(target, "plain")))).statusCode, Number(status));
  }
}

globalThis.AI_SDK_LOG_WARNINGS = false;
await run("ai with @ai-sdk/openai-compatible", [plain, stream, toolCalls, schema, image, broken], [errors]);
