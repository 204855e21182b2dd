import type { Call } from './call.ts';
import { type CallView, callInfo, title } from './call-view.ts';
import { InvalidInputError } from './errors/invalid-input-error.ts';
import { InvalidOutputError } from './errors/invalid-output-error.ts';
import type { SluiceErrorInit } from './errors/sluice-error.ts';
import {
  issuesText,
  plainIssues,
  type SchemaIssue,
  type StandardResult,
  type StandardSchema,
} from './standard-schema.ts';

/** What a schema made of a value: the value to go on with, or why there is none. */
export type Checked = { readonly value: unknown } | { readonly error: unknown };

type Refuse = (issues: readonly SchemaIssue[], cause?: unknown) => Checked;

/** Checks a call's input against its target's schema. */
export function checkInput(call: CallView, schema: StandardSchema, input: unknown): Checked | Promise<Checked> {
  return check(schema, input, (issues, cause) => {
    const message = `${title(call)} was given an invalid input: ${issuesText(issues)}`;
    return { error: new InvalidInputError(message, facts(call, issues, {}, cause)) };
  });
}

/** Checks what a work returned against its target's schema. */
export function checkOutput(call: CallView, output: unknown): Checked | Promise<Checked> {
  const schema = call.root.chain.target.outputSchema;
  return schema === undefined
    ? { value: output }
    : check(schema, output, (issues, cause) => refuseOutput(call, output, issues, cause));
}

/** Checks one item of a stream, which cannot wait for a schema that takes its time. */
export function checkItem(call: CallView, item: unknown): Checked {
  const checked = checkOutput(call, item);
  if (!(checked instanceof Promise)) return checked;
  const message = 'its schema is asynchronous, and the items of a stream cannot wait for it';
  return refuseOutput(call, item, [{ path: '', message }]);
}

function refuseOutput(call: Call, output: unknown, issues: readonly SchemaIssue[], cause?: unknown): Checked {
  const message = `${title(call)} returned an invalid output: ${issuesText(issues)}`;
  return { error: new InvalidOutputError(message, facts(call, issues, { output }, cause)) };
}

function facts(call: Call, issues: readonly SchemaIssue[], details: object, cause: unknown): SluiceErrorInit {
  return { call: callInfo(call), details: { issues, ...details }, ...(cause === undefined ? {} : { cause }) };
}

/** A schema that throws, or whose promise rejects, refuses the value. */
function check(schema: StandardSchema, value: unknown, refuse: Refuse): Checked | Promise<Checked> {
  const threw = (error: unknown): Checked => refuse([{ path: '', message: 'its schema threw' }], error);
  const read = (result: StandardResult<unknown>): Checked =>
    result.issues === undefined ? { value: result.value } : refuse(plainIssues(result.issues));
  try {
    const result = schema['~standard'].validate(value);
    // Whatever can be awaited is: a promise of another library, taken for a result, would let everything pass.
    return 'then' in result ? Promise.resolve(result).then(read).catch(threw) : read(result);
  } catch (error) {
    return threw(error);
  }
}
