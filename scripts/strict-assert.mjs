// Loaded before an example: an assertion that does not hold fails the example instead of only being printed.
console.assert = (holds, ...said) => {
  if (!holds) throw new Error(['console.assert failed', ...said].join(' '));
};
