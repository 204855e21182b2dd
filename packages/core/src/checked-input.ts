import type { CallView } from './call-view.ts';
import type { Chain } from './chain.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { Flow, type Handle, type Sink } from './flow.ts';
import { type Checked, checkInput } from './schema-check.ts';

/** A chain with the check of its input in front: nothing of it runs before the input fits. */
export class CheckedInput extends Flow {
  private readonly chain: Chain;
  private readonly view: CallView;

  constructor(chain: Chain, view: CallView) {
    super();
    this.chain = chain;
    this.view = view;
  }

  drive(sink: Sink): Handle | null {
    const { inputSchema } = this.chain.target;
    if (inputSchema === undefined) return this.chain.drive(0, this.view, sink);
    const checked = checkInput(this.view, inputSchema, this.view.root.input);
    if (!(checked instanceof Promise)) return this.goOn(checked, sink);
    return new Waiting(checked, (one) => this.goOn(one, sink));
  }

  teardownThrew(error: unknown): void {
    this.view.root.environment.report(
      new InterceptorError('(input)', 'threw while it was torn down', { cause: error }),
    );
  }

  private goOn(checked: Checked, sink: Sink): Handle | null {
    if ('error' in checked) {
      sink.error(checked.error);
      return null;
    }
    this.view.root.input = checked.value;
    return this.chain.drive(0, this.view, sink);
  }
}

/** A schema that takes its time: the chain begins when it has answered, unless the call was stopped meanwhile. */
class Waiting implements Handle {
  private inner: Handle | null = null;
  private cancelled = false;

  constructor(checked: Promise<Checked>, goOn: (checked: Checked) => Handle | null) {
    checked.then((one) => {
      if (!this.cancelled) this.inner = goOn(one);
    });
  }

  cancel(reason?: unknown): void {
    this.cancelled = true;
    this.inner?.cancel(reason);
  }
}
