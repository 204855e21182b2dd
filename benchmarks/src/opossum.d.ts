/** What is used of opossum, which comes without types. */
declare module 'opossum' {
  interface Options {
    readonly timeout: false;
    readonly errorThresholdPercentage: number;
    readonly volumeThreshold: number;
    readonly resetTimeout: number;
    readonly rollingCountTimeout: number;
    readonly errorFilter?: (error: unknown) => boolean;
  }

  export default class CircuitBreaker {
    constructor(action: () => Promise<unknown>, options: Options);
    fire(): Promise<unknown>;
    open(): void;
  }
}
