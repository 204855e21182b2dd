import { type CallOptions, readCallOptions } from './call-options.ts';
import type { Environment } from './environment.ts';
import type { Execution } from './execution.ts';
import { Observable } from './flow.ts';
import { Invocation } from './invocation.ts';
import { type AnyTool, toolTarget } from './tool.ts';

/** Calls a tool: alone, or as a part of the work that `caller` is. What is wrong with the options is thrown at once. */
export function callTool<O>(
  environment: Environment,
  tool: AnyTool,
  input: unknown,
  options: CallOptions | undefined,
  caller: Execution | null,
): Promise<O> {
  return invocationOf(environment, tool, input, options, caller)().run() as Promise<O>;
}

/** Calls a tool at each subscription, and hands its items on as they come. Unsubscribing cancels the call. */
export function streamTool<Item>(
  environment: Environment,
  tool: AnyTool,
  input: unknown,
  options: CallOptions | undefined,
  caller: Execution | null,
): Observable<Item> {
  const make = invocationOf(environment, tool, input, options, caller);
  return new Observable<Item>((subscriber) => {
    const handle = make().stream({
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
): () => Invocation {
  const { own, policies } = readCallOptions(options);
  const chain = policies === undefined ? environment.chainOf(tool) : environment.compile(toolTarget(tool), policies);
  return () => new Invocation(chain, input, caller, own);
}
