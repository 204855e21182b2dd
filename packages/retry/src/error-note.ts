/** Gives back what it is given in place of what it makes: whoever extends it puts its private fields on that. */
class Returned {
  constructor(value: object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is what it is for
    return value;
  }
}

/** Notes on what takes none: engines to come may keep private fields, too, from what is frozen. */
const elsewhere = new WeakMap<object, unknown>();

/**
 * Something that is known of an error and stands nowhere to be seen: on whatever was thrown, frozen or not, of whomever. A weak map of many
 * errors costs the garbage collector more than all the rest of a refusal, and a hidden property ten times as much as a private one.
 */
export class ErrorNote extends Returned {
  #note: unknown;

  private constructor(error: object, note: unknown) {
    super(error);
    this.#note = note;
  }

  /** Notes it, in place of what was noted before. */
  static put(error: object, note: unknown): void {
    if (#note in error) {
      error.#note = note;
      return;
    }
    try {
      new ErrorNote(error, note);
    } catch {
      elsewhere.set(error, note);
    }
  }

  /** What was noted last; undefined when nothing was. */
  static of(error: object): unknown {
    return #note in error ? error.#note : elsewhere.get(error);
  }
}
