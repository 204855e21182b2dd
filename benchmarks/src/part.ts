/** What was measured, by the name of its row. */
export type Figures = Record<string, number>;

/** How much time a measurement may take. */
export interface Effort {
  /** How many rounds count. */
  readonly rounds: number;
  /** How many rounds before them are thrown away. */
  readonly warmUp: number;
  /** About how long one round of one case lasts. */
  readonly roundMs: number;
}

/** The part of a suite that is measured together, in a process of its own. */
export interface Part {
  readonly name: string;
  readonly unit: 'ns' | 'bytes' | 'ms' | 'runs a minute';
  /** The row that does the work and nothing else. */
  readonly bare?: string;
  /** The row that the others are compared with. */
  readonly baseline?: string;
  measure(effort: Effort): Promise<Figures>;
}

/** Parts that answer one question. */
export interface Suite {
  readonly name: string;
  /** What it measures, in a sentence. */
  readonly about: string;
  readonly parts: readonly Part[];
}
