/** The last so many answers to a question of yes or no, and how many of them were yes: a bit each, and each costs the same. */
export class BitRing {
  readonly #size: number;
  readonly #words: Uint32Array;
  #next = 0;
  #length = 0;
  #ones = 0;

  constructor(size: number) {
    this.#size = size;
    this.#words = new Uint32Array(Math.ceil(size / 32));
  }

  /** How many it holds. */
  get length(): number {
    return this.#length;
  }

  /** How many of those are yes. */
  get ones(): number {
    return this.#ones;
  }

  add(yes: boolean): void {
    const index = this.#next;
    const word = index >>> 5;
    const mask = 1 << (index & 31);
    const bits = this.#words[word] as number;
    // Where nothing was added yet is no yes either.
    const was = (bits & mask) !== 0;
    if (was !== yes) {
      this.#words[word] = bits ^ mask;
      this.#ones += yes ? 1 : -1;
    }
    if (this.#length < this.#size) this.#length++;
    this.#next = index + 1 === this.#size ? 0 : index + 1;
  }

  clear(): void {
    this.#words.fill(0);
    this.#next = this.#length = this.#ones = 0;
  }

  /** All of it as a text of 0 and 1, the oldest first. */
  toString(): string {
    const first = this.#length < this.#size ? 0 : this.#next;
    let text = '';
    for (let count = 0; count < this.#length; count++) {
      const index = (first + count) % this.#size;
      text += ((this.#words[index >>> 5] as number) >>> (index & 31)) & 1;
    }
    return text;
  }

  /** Holds what such a text says, the newest if it is too much, and nothing else. */
  restore(text: string): void {
    this.clear();
    for (let index = Math.max(0, text.length - this.#size); index < text.length; index++) this.add(text[index] === '1');
  }
}
