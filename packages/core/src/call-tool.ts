import { type CallOptions, readCallOptions } from './call-options.ts';
import type { Chain } from './chain.ts';
import type { Environment } from './environment.ts';
import type { Execution } from './execution.ts';
import { Observable } from './flow.ts';
import { Invocation } from './invocation.ts';
import type { RunScope } from './run-scope.ts';
import { withRunPolicies } from './target.ts';
import { type AnyTool, toolTarget } from './tool.ts';

type Written = Readonly<Record<string, unknown>>;

const NOTHING: readonly Written[] = [];

/** Calls a tool: alone, or as a part of the work that `caller` is. Rejects with what is wrong with the options. */
export function callTool<O>(
  environment: Environment,
  tool: AnyTool,
  input: unknown,
  options: CallOptions | undefined,
  caller: Execution | null,
): Promise<O> {
  try {
    return callOf(environment, tool, input, options, caller).run() as Promise<O>;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Calls a tool at each subscription, and hands its items on as they come. Unsubscribing cancels the call. */
export function streamTool<Item>(
  environment: Environment,
  tool: AnyTool,
  input: unknown,
  options: CallOptions | undefined,
  caller: Execution | null,
): Observable<Item> {
  return new Observable<Item>((subscriber) => {
    const call = callOf(environment, tool, input, options, caller);
    call.stream({
      get enough() {
        return subscriber.closed;
      },
      collects: false,
      decided: () => {},
      item: (value) => subscriber.next(value as Item),
      done: () => {
        if (call.verdict === 'ok') subscriber.complete();
        else subscriber.error(call.outcome);
      },
    });
    return () => call.abort(undefined);
  });
}

/** A call of a tool, to be begun. Throws what is wrong with its options. */
export function callOf(
  environment: Environment,
  tool: AnyTool,
  input: unknown,
  options: CallOptions | undefined,
  caller: Execution | null,
): Invocation {
  const { own, policies } = readCallOptions(options);
  return new Invocation(chainFor(environment, tool, policies, caller?.call.root.runScope ?? null), input, caller, own);
}

/** The stack around a tool, with what its run and its caller say about it. */
function chainFor(environment: Environment, tool: AnyTool, policies: Written | undefined, run: RunScope | null): Chain {
  const said = run === null ? NOTHING : run.policiesOfTool(toolTarget(tool).name);
  if (policies === undefined && said.length === 0) return environment.chainOf(tool);
  const known = policies === undefined ? run?.toolChains.get(tool) : undefined;
  if (known !== undefined) return known;
  let target = said.reduce((of, values) => withRunPolicies(of, values, `tools.${of.name}.`), toolTarget(tool));
  if (policies !== undefined) target = withRunPolicies(target, policies);
  const chain = environment.compile(target);
  if (policies === undefined) run?.toolChains.set(tool, chain);
  return chain;
}
