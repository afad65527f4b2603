import { jsonBounds } from './bounds.ts'

/**
 * How a text stands as one JSON value, by its brackets alone: told in one walk and without memory, so that what cannot
 * be JSON is not parsed to find that out. `perhaps` is for the parser to say.
 */
export function shapeOfJson(text: string): 'perhaps' | 'none' | 'deep' | 'many' {
  let depth = 0
  let deepest = 0
  let values = 1
  let isOver = false
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) continue
    // Something behind the value's end.
    if (isOver) return 'none'
    if (code === 0x22) {
      for (at += 1; at < text.length && text.charCodeAt(at) !== 0x22; at += 1)
        if (text.charCodeAt(at) === 0x5c) at += 1
      if (at >= text.length) return 'none'
      isOver = depth === 0
    } else if (code === 0x2c) values += 1
    else if (code === 0x5b || code === 0x7b) {
      values += 1
      deepest = Math.max(deepest, ++depth)
    } else if (code === 0x5d || code === 0x7d) {
      depth -= 1
      if (depth < 0) return 'none'
      isOver = depth === 0
    }
  }
  if (depth > 0) return 'none'
  if (deepest > jsonBounds.depth) return 'deep'
  return values > jsonBounds.values ? 'many' : 'perhaps'
}

/**
 * Parses what a host printed.
 *
 * @throws SyntaxError for what is no JSON, nests deeper than is read, or holds more values.
 */
export function parseJson(text: string): unknown {
  switch (shapeOfJson(text)) {
    case 'deep':
      throw new SyntaxError(`JSON that nests deeper than ${jsonBounds.depth}`)
    case 'many':
      throw new SyntaxError(`JSON of more than ${jsonBounds.values} values`)
    case 'none':
      // The whole of it is not quoted by the parser's own complaint.
      if (text.length > 10_000) throw new SyntaxError('brackets or quotes that never close: no JSON')
      return JSON.parse(text)
    case 'perhaps':
      return JSON.parse(text)
  }
}
