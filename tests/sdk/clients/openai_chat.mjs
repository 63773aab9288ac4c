// The official `openai` package of Node: chat completions and responses.

import OpenAI from "openai";
import { VERSION } from "openai/version";

import { CALLS, FAILING, KEY, PICTURE_URL, SAID, TARGETS, URL_OF_GATEWAY, equal, rejected, run } from "./trying.mjs";

// Retries would hide what the gateway answers.
const client = new OpenAI({ baseURL: `${URL_OF_GATEWAY}/v1`, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
const asFunction = { name: SAID.TOOL, description: SAID.DESCRIPTION, parameters: SAID.PARAMETERS };
const tools = [{ type: "function", function: asFunction }];

const user = (content) => [{ role: "user", content }];

function ask(model, messages, more = {}) {
  return client.chat.completions.create({ model, messages: Array.isArray(messages) ? messages : user(messages), ...more });
}

async function plain(target) {
  const answer = await ask(target, "plain");
  equal([answer.choices[0].message.content, answer.choices[0].finish_reason], [SAID.PLAIN, "stop"]);
  equal(answer.usage.total_tokens, 18);
}

/** The library's own runner, which holds every piece to its rules. */
async function stream(target) {
  const runner = client.chat.completions.stream({
    model: target,
    messages: user("plain"),
    stream_options: { include_usage: true },
  });
  const answer = await runner.finalChatCompletion();
  equal([answer.choices[0].message.content, answer.choices[0].finish_reason], [SAID.PLAIN, "stop"]);
  equal(answer.usage.total_tokens, 18);
}

async function toolCalls(target) {
  await goOn(target, (await ask(target, "tools", { tools })).choices[0]);
  const runner = client.chat.completions.stream({ model: target, messages: user("tools"), tools });
  await goOn(target, (await runner.finalChatCompletion()).choices[0]);
}

async function goOn(target, first) {
  equal(first.finish_reason, "tool_calls");
  const called = first.message.tool_calls;
  equal(called.map((call) => [call.function.name, JSON.parse(call.function.arguments)]), CALLS);
  const results = called.map((call, at) => ({ role: "tool", tool_call_id: call.id, content: SAID.WEATHER[at] }));
  const calls = called.map(({ id, type, function: { name, arguments: text } }) => ({
    id,
    type,
    function: { name, arguments: text },
  }));
  const turn = { role: "assistant", content: null, tool_calls: calls };
  const last = await ask(target, [...user("tools"), turn, ...results], { tools });
  equal(last.choices[0].message.content, SAID.RESULT);
}

async function schema(target) {
  const shape = { name: "answer", strict: true, schema: SAID.SCHEMA };
  const answer = await ask(target, "schema", { response_format: { type: "json_schema", json_schema: shape } });
  equal(JSON.parse(answer.choices[0].message.content), { answer: "42" });
}

async function image(target) {
  const picture = { type: "image_url", image_url: { url: PICTURE_URL } };
  const answer = await ask(target, user([{ type: "text", text: "image" }, picture]));
  equal(answer.choices[0].message.content, SAID.SEEN);
}

async function broken(target) {
  for (const scene of ["break", "midstream-error"]) {
    const runner = client.chat.completions.stream({ model: target, messages: user(scene) });
    await rejected(OpenAI.OpenAIError, runner.finalChatCompletion());
    await rejected(OpenAI.InternalServerError, ask(target, scene));
  }
}

async function responses(target) {
  const asked = { model: target, input: "plain", store: false };
  equal((await client.responses.create(asked)).output_text, SAID.PLAIN);
  const answer = await client.responses.stream(asked).finalResponse();
  equal([answer.output_text, answer.status], [SAID.PLAIN, "completed"]);
}

async function errors() {
  const kinds = { 400: OpenAI.BadRequestError, 429: OpenAI.RateLimitError, 503: OpenAI.InternalServerError };
  for (const [status, kind] of Object.entries(kinds)) {
    equal((await rejected(kind, ask(FAILING[status], "plain"))).status, Number(status));
  }
  await rejected(OpenAI.NotFoundError, ask("nobody/nothing", "plain"));
  const stranger = client.withOptions({ apiKey: "wrong" });
  await rejected(OpenAI.AuthenticationError, stranger.responses.create({ model: TARGETS.openai, input: "plain" }));
}

await run(`openai ${VERSION} of Node`, [plain, stream, toolCalls, schema, image, broken, responses], [errors]);
