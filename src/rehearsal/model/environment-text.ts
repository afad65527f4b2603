/**
 * What a file of `EnvironmentFile=` sets, as systemd reads it: a line each, `#` and `;` begin comments, a backslash joins
 * lines, quotes may stand around parts of a value.
 */
export function environmentText(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const end = (index: number) => (index < 0 ? text.length : index)
    const line = text.slice(at, end(text.indexOf('\n', at)))
    if (/^\s*(?:[#;]|$)/.test(line)) {
      at += line.length + 1
      continue
    }
    const [head = '', name = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=[ \t]*/.exec(line) ?? []
    if (name === '') {
      at += line.length + 1
      continue
    }
    at += head.length
    let value = ''
    let blanks = ''
    let quote = ''
    for (; at < text.length; at++) {
      const char = text[at] ?? ''
      if (quote === '' && char === '\n') break
      if (char === '\\' && quote !== "'") {
        const next = text[at + 1] ?? ''
        at += 1
        if (next === '\n') continue
        value += blanks + (quote === '"' && !/["\\`$]/.test(next) ? `\\${next}` : next)
        blanks = ''
      } else if (quote !== '' && char === quote) quote = ''
      else if (quote === '' && value + blanks === '' && /["']/.test(char)) quote = char
      else if (quote === '' && /[ \t\r]/.test(char)) blanks += char
      else {
        value += blanks + char
        blanks = ''
      }
    }
    at += 1
    found.set(name, value)
  }
  return found
}
