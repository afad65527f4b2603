import { expect, test } from 'vitest'
import { clean, fence, inline, mermaidLabel, oneLine, plain, skipMarkers } from '../../src/lib/text/clean.ts'
import { cpuMs } from '../support/cpu.ts'

test('no guard takes more than linear time', () => {
  const guards = [clean, fence, inline, plain, skipMarkers, mermaidLabel, oneLine]
  for (const part of [
    '\x9d',
    '\x1b[',
    '\x1b]',
    '\x1b[0;',
    '*',
    '[',
    'skip ',
    '`',
    '\u0301',
    ' ',
    'a_',
    '\r'
  ]) {
    const text = part.repeat(300_000)
    const took = cpuMs(() => {
      for (const guard of guards) guard(text)
    })
    expect([part, took < 5000]).toEqual([part, true])
  }
})
