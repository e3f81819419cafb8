/** What the lexical embedder sees in a text. */

/**
 * Counts the lexical features of a text: its words, and the 3- and 4-character sequences within each word.
 *
 * Case, width and composition make no difference (NFKC and case folding), punctuation separates words. A text without any
 * letter or digit is taken sign by sign, so that only a blank text has no features. `^` and `$` mark where a word begins
 * and ends: `lives` gives `lives`, `^li`, `liv`, … , `es$`, `^liv`, …
 */
export function lexicalFeatures(text: string): Map<string, number> {
  const counts = new Map<string, number>()
  const count = (feature: string): void => {
    counts.set(feature, (counts.get(feature) ?? 0) + 1)
  }
  for (const word of splitWords(foldCase(text))) {
    count(`word:${word}`)
    for (const size of [3, 4]) sequences(word, size).forEach((sequence) => count(`letters:${sequence}`))
  }
  return counts
}

// JavaScript has no case folding. Upper case first makes what folds alike alike: `ß` and `SS`, `ς` and `Σ`.
function foldCase(text: string): string {
  return text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}

function splitWords(text: string): readonly string[] {
  return text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? text.match(/\S/gu) ?? []
}

function sequences(word: string, size: number): string[] {
  // Code points, not UTF-16 units: a sequence must not cut a character in two.
  const characters = ['^', ...Array.from(word), '$']
  const starts = Math.max(0, characters.length - size + 1)
  return Array.from({ length: starts }, (_, start) => characters.slice(start, start + size).join(''))
}
