// The official `@anthropic-ai/sdk` package of Node.

import Anthropic from "@anthropic-ai/sdk";

import { CALLS, FAILING, KEY, SAID, TARGETS, URL_OF_GATEWAY, equal, rejected, run } from "./trying.mjs";

const client = new Anthropic({ baseURL: URL_OF_GATEWAY, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
const tools = [{ name: SAID.TOOL, description: SAID.DESCRIPTION, input_schema: SAID.PARAMETERS }];

const user = (content) => [{ role: "user", content }];
const asking = (model, content, more = {}) => ({
  model,
  max_tokens: 4096,
  messages: Array.isArray(content) ? content : user(content),
  ...more,
});
const ask = (...what) => client.messages.create(asking(...what));
const said = (message) => message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

async function plain(target) {
  const answer = await ask(target, "plain", { system: "Be brief." });
  equal([said(answer), answer.stop_reason, answer.usage.output_tokens], [SAID.PLAIN, "end_turn", 7]);
}

async function stream(target) {
  const answer = await client.messages.stream(asking(target, "plain")).finalMessage();
  equal([said(answer), answer.stop_reason, answer.usage.output_tokens], [SAID.PLAIN, "end_turn", 7]);
}

async function toolCalls(target) {
  await goOn(target, await ask(target, "tools", { tools }));
  await goOn(target, await client.messages.stream(asking(target, "tools", { tools })).finalMessage());
}

async function goOn(target, first) {
  equal(first.stop_reason, "tool_use");
  const called = first.content.filter((block) => block.type === "tool_use");
  equal(called.map((call) => [call.name, call.input]), CALLS);
  const results = called.map((call, at) => ({ type: "tool_result", tool_use_id: call.id, content: SAID.WEATHER[at] }));
  const turn = called.map(({ id, name, input }) => ({ type: "tool_use", id, name, input }));
  const messages = [...user("tools"), { role: "assistant", content: turn }, ...user(results)];
  equal(said(await ask(target, messages, { tools })), SAID.RESULT);
}

async function schema(target) {
  const answer = await ask(target, "schema", { output_config: { format: { type: "json_schema", schema: SAID.SCHEMA } } });
  equal(JSON.parse(said(answer)), { answer: "42" });
}

async function image(target) {
  const picture = { type: "image", source: { type: "base64", media_type: "image/png", data: SAID.PICTURE } };
  equal(said(await ask(target, user([picture, { type: "text", text: "image" }]))), SAID.SEEN);
}

async function broken(target) {
  for (const scene of ["break", "midstream-error"]) {
    await rejected(Anthropic.AnthropicError, client.messages.stream(asking(target, scene)).finalMessage());
    await rejected(Anthropic.InternalServerError, ask(target, scene));
  }
}

async function errors() {
  const kinds = { 400: Anthropic.BadRequestError, 429: Anthropic.RateLimitError, 503: Anthropic.InternalServerError };
  for (const [status, kind] of Object.entries(kinds)) {
    equal((await rejected(kind, ask(FAILING[status], "plain"))).status, Number(status));
  }
  await rejected(Anthropic.NotFoundError, ask("nobody/nothing", "plain"));
  const stranger = new Anthropic({ baseURL: URL_OF_GATEWAY, apiKey: "wrong", maxRetries: 0 });
  await rejected(Anthropic.AuthenticationError, stranger.messages.create(asking(TARGETS.anthropic, "plain")));
}

await run("@anthropic-ai/sdk", [plain, stream, toolCalls, schema, image, broken], [errors]);
