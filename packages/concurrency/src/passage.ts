import { type Call, FollowedRun, type Sink, type Verdict } from '@sluice/core';

/** A call that has passed its rate, until it has ended. */
export class Passage extends FollowedRun {
  private readonly hear: (begun: boolean, status: Verdict, error: unknown) => void;
  private gone = false;

  /** @param hear - hears whether its work has begun, and how it has ended */
  constructor(call: Call, hear: (begun: boolean, status: Verdict, error: unknown) => void, sink: Sink) {
    super(call, sink);
    this.hear = hear;
  }

  protected override began(): void {
    this.gone = true;
  }

  protected override ended(status: Verdict, error: unknown): void {
    this.hear(this.gone, status, error);
  }
}
