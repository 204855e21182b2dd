import { type Call, Flow, type Handle, reportFault, type Sink } from '@sluice/core';

/** Ends at once with an error. */
export class RefusedFlow extends Flow {
  private readonly call: Call;
  private readonly plugin: string;
  private readonly error: unknown;

  constructor(call: Call, plugin: string, error: unknown) {
    super();
    this.call = call;
    this.plugin = plugin;
    this.error = error;
  }

  drive(sink: Sink): Handle | null {
    sink.error(this.error);
    return null;
  }

  teardownThrew(error: unknown): void {
    reportFault(this.call, this.plugin, 'threw while it was torn down', error);
  }
}
