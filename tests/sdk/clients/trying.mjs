// What the scripts of all JavaScript clients share.

import assert from "node:assert/strict";

const told = (name) => JSON.parse(process.env[name]);

export const URL_OF_GATEWAY = process.env.SEMROUTE_URL;
export const KEY = process.env.SEMROUTE_KEY;
export const TARGETS = told("SEMROUTE_TARGETS");
export const FAILING = told("SEMROUTE_FAILING");
export const SAID = told("SEMROUTE_SAID");
export const PICTURE_URL = `data:image/png;base64,${SAID.PICTURE}`;
export const CALLS = SAID.PLACES.map((place) => [SAID.TOOL, { place }]);

export const equal = assert.deepEqual;

/** The error that a promise is rejected with, which has to be of this kind. */
export async function rejected(kind, promise) {
  let said;
  try {
    said = await promise;
  } catch (error) {
    assert.ok(error instanceof kind, `${error.constructor.name} is no ${kind.name}: ${error.message}`);
    return error;
  }
  assert.fail(`no error, but ${JSON.stringify(said)}`);
}

/** Tries each of `withTargets` with every target, and each of `alone` once. */
export async function run(client, withTargets, alone) {
  const cells = withTargets.flatMap((check) => Object.values(TARGETS).map((target) => [check, target]));
  cells.push(...alone.map((check) => [check]));
  let failed = 0;
  for (const [check, target] of cells) {
    try {
      await check(target);
    } catch (error) {
      failed += 1;
      console.error(`${client}: ${check.name}(${target ?? ""}): ${error.stack}`);
    }
  }
  console.error(`${client}: ${cells.length - failed} of ${cells.length} passed`);
  process.exit(failed ? 1 : 0);
}
