import type { Span } from './shell-syntax.ts'

/**
 * What becomes of a character: `does` is code or data, `inert` is a comment or is only printed, `unclear` depends
 * on which program reads the file.
 */
export type Standing = 'inert' | 'does' | 'unclear'

const codes: Readonly<Record<Standing, number>> = { inert: 0, does: 1, unclear: 2 }

/** Which characters of a text count, and which line ends do not end a line. */
export interface Mask {
  /** The characters of a range that count; with `unclear`, those that may count too. */
  keep(start: number, end: number, unclear?: boolean): string
  readonly continued: ReadonlySet<number>
}

/** Marks ranges of a text. Everything counts until it is marked otherwise; the last mark of a character holds. */
export class Blanks {
  readonly #text: string
  readonly #kept: Uint8Array

  constructor(text: string) {
    this.#text = text
    this.#kept = new Uint8Array(text.length).fill(codes.does)
  }

  set({ start, end }: Span, standing: Standing) {
    this.#kept.fill(codes[standing], start, Math.max(start, end))
  }

  /** Makes unclear what counts in the range; what is inert there stays so. */
  doubt({ start, end }: Span) {
    for (let at = start; at < end; at++) if (this.#kept[at] === codes.does) this.#kept[at] = codes.unclear
  }

  mask(continued: Iterable<number>): Mask {
    return {
      continued: new Set(continued),
      keep: (start, end, unclear = true) => {
        let text = ''
        let from = -1
        for (let at = start; at < end; at++) {
          const kept = this.#kept[at]
          if (kept === codes.does || (unclear && kept === codes.unclear)) {
            if (from < 0) from = at
          } else if (from >= 0) {
            text += this.#text.slice(from, at)
            from = -1
          }
        }
        return from < 0 ? text : text + this.#text.slice(from, end)
      }
    }
  }
}
