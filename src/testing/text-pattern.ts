/** Makes a text that a regular expression of PostgreSQL matches. */

/**
 * Makes the `number`th text that fits, or undefined for what is not understood: back references, look-around.
 *
 * Understood are literals, classes (`[a-z]`, `[^@[:space:]]`, `\d`), groups, alternatives and every quantifier. What it
 * makes is only a candidate: the database has the last word.
 */
export function textMatching(pattern: string, number: number): string | undefined {
  const isAnchored = pattern.startsWith('^')
  const body = pattern.replace(/^\^/u, '').replace(/(?<!\\)\$$/u, '')
  const reader = new PatternReader(body, number)
  try {
    const text = reader.alternatives()
    return reader.isAtEnd ? `${isAnchored ? '' : ''}${text}` : undefined
  } catch (error) {
    if (error instanceof UnknownPattern) return undefined
    throw error
  }
}

class UnknownPattern extends Error {}

const classes: Readonly<Record<string, string>> = {
  alpha: 'abcdefghijklmnopqrstuvwxyz',
  digit: '0123456789',
  alnum: 'abcdefghijklmnopqrstuvwxyz0123456789',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  lower: 'abcdefghijklmnopqrstuvwxyz',
  space: ' ',
  punct: '-_.',
  xdigit: '0123456789abcdef',
}
const escapes: Readonly<Record<string, string>> = {
  d: '0123456789',
  w: 'abcdefghijklmnopqrstuvwxyz0123456789_',
  s: ' ',
  S: 'abcdefghijklmnopqrstuvwxyz0123456789',
  D: 'abcdefghijklmnopqrstuvwxyz',
  W: '-',
  t: '\t',
  n: '\n',
}
const anything = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.@ '

/** Reads a pattern from left to right and writes a text for it; `number` is spelt in the digits of each class. */
class PatternReader {
  readonly #pattern: string
  readonly #number: number
  #at = 0

  constructor(pattern: string, number: number) {
    this.#pattern = pattern
    this.#number = number
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#pattern.length
  }

  alternatives(): string {
    const texts = [this.#sequence()]
    while (this.#take('|')) texts.push(this.#sequence())
    return texts[0] ?? ''
  }

  #sequence(): string {
    let text = ''
    while (!this.isAtEnd && this.#peek() !== '|' && this.#peek() !== ')') text += this.#repeated()
    return text
  }

  #repeated(): string {
    const start = this.#at
    const letters = this.#atom()
    const [least, most] = this.#quantifier()
    if (typeof letters === 'function') {
      const first = letters()
      let text = least === 0 ? '' : first
      for (let count = 1; count < least; count += 1) text += first
      return text
    }
    if (letters === '') throw new UnknownPattern(this.#pattern.slice(start))
    // long enough to tell numbers apart, where the pattern lets it
    return spell(this.#number, letters, Math.max(least, Math.min(most, letters.length > 1 ? 6 : least)))
  }

  /** The letters that may stand here, or a group. */
  #atom(): string | (() => string) {
    const letter = this.#next()
    if (letter === '(') return this.#group()
    if (letter === '[') return this.#class()
    if (letter === '.') return anything
    if (letter === '^' || letter === '$') return () => ''
    if (letter !== '\\') return letter
    const escaped = this.#next()
    if (/[1-9AZbBmMyY]/u.test(escaped)) throw new UnknownPattern(escaped)
    return escapes[escaped] ?? escaped
  }

  #group(): () => string {
    if (this.#take('?') && !this.#take(':')) throw new UnknownPattern('(?')
    const text = this.alternatives()
    if (!this.#take(')')) throw new UnknownPattern('(')
    return () => text
  }

  #class(): string {
    const isNegated = this.#take('^')
    let letters = ''
    for (let first = true; first || this.#peek() !== ']'; first = false) letters += this.#classPart()
    this.#next()
    return isNegated ? without(letters) : letters
  }

  #classPart(): string {
    const named = /^\[:(\w+):\]/u.exec(this.#pattern.slice(this.#at))
    if (named !== null) {
      this.#at += named[0].length
      return classes[named[1] ?? ''] ?? ''
    }
    const letter = this.#next()
    if (letter === '\\') {
      const escaped = this.#next()
      return escapes[escaped] ?? escaped
    }
    if (this.#peek() !== '-' || this.#pattern[this.#at + 1] === ']') return letter
    this.#next()
    return range(letter, this.#next())
  }

  #quantifier(): readonly [number, number] {
    const bounds = /^\{(\d+)(,?)(\d*)\}/u.exec(this.#pattern.slice(this.#at))
    if (bounds !== null) {
      this.#at += bounds[0].length
      this.#take('?')
      const least = Number(bounds[1])
      const most = bounds[2] === '' ? least : bounds[3] === '' ? Infinity : Number(bounds[3])
      return [least, most]
    }
    const kind = ['*', '+', '?'].find((letter) => this.#take(letter))
    this.#take('?')
    if (kind === '*') return [1, Infinity]
    if (kind === '+') return [1, Infinity]
    return kind === '?' ? [0, 1] : [1, 1]
  }

  #peek(): string {
    return this.#pattern[this.#at] ?? ''
  }

  #take(letter: string): boolean {
    if (this.#peek() !== letter) return false
    this.#at += 1
    return true
  }

  #next(): string {
    if (this.isAtEnd) throw new UnknownPattern(this.#pattern)
    this.#at += 1
    return this.#pattern[this.#at - 1] ?? ''
  }
}

function without(letters: string): string {
  return Array.from(anything)
    .filter((letter) => !letters.includes(letter))
    .join('')
}

function range(from: string, to: string): string {
  const [first, last] = [from.codePointAt(0) ?? 0, to.codePointAt(0) ?? 0]
  let letters = ''
  for (let code = first; code <= Math.min(last, first + 255); code += 1) letters += String.fromCodePoint(code)
  return letters
}

/** A number in the digits that `letters` are, in so many places. */
function spell(number: number, letters: string, places: number): string {
  let [text, rest] = ['', number]
  for (let place = 0; place < places; place += 1) {
    text = (letters[rest % letters.length] ?? '') + text
    rest = Math.floor(rest / letters.length)
  }
  return text
}
