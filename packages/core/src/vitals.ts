/** What a call was last heard to say of itself. */
export class Vitals {
  /** When it was last heard from. */
  at = 0;
  /** How far it said it had come, from 0 to 1. */
  progress: number | undefined = undefined;
  /** How often it beat. */
  beats = 0;
  /** What came with the last heartbeat that said anything. */
  heartbeat: unknown = undefined;
  /** The same, if it was in this attempt. */
  said: unknown = undefined;

  /** Another attempt begins: it has said nothing yet. */
  begin(): void {
    this.at = Number.NEGATIVE_INFINITY;
    this.progress = undefined;
    this.said = undefined;
  }
}
