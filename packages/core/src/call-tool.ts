import { type CallOptions, readCallOptions } from './call-options.ts';
import type { Environment } from './environment.ts';
import type { Execution } from './execution.ts';
import { Observable } from './flow.ts';
import { Invocation } from './invocation.ts';
import { withRunPolicies } from './target.ts';
import { type AnyTool, toolTarget } from './tool.ts';

/** Calls a tool: alone, or as a part of the work that `caller` is. Rejects with what is wrong with the options. */
export function callTool<O>(
  environment: Environment,
  tool: AnyTool,
  input: unknown,
  options: CallOptions | undefined,
  caller: Execution | null,
): Promise<O> {
  try {
    return invocationOf(environment, tool, input, options, caller).run() as Promise<O>;
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
    const handle = invocationOf(environment, tool, input, options, caller).stream({
      get enough() {
        return subscriber.closed;
      },
      item: (value) => subscriber.next(value as Item),
      done: (call) => {
        if (call.verdict === 'ok') subscriber.complete();
        else subscriber.error(call.outcome);
      },
    });
    return () => handle.cancel();
  });
}

function invocationOf(
  environment: Environment,
  tool: AnyTool,
  input: unknown,
  options: CallOptions | undefined,
  caller: Execution | null,
): Invocation {
  const { own, policies } = readCallOptions(options);
  const chain = policies === undefined ? environment.chainOf(tool) : environment.compile(withRunPolicies(toolTarget(tool), policies));
  return new Invocation(chain, input, caller, own);
}
