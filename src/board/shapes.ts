import type { Outcome, Verdict } from '../lib/words.ts'
import { type Html, html } from './html.ts'

/** How things stand: always a word and a shape, and a colour besides. */

/** What a shape stands for: `stale` is a PASS that counts no more. */
type Shape = 'pass' | 'stale' | 'fail' | 'unsure' | 'none' | 'waived' | 'dot'

const drawings: Readonly<Record<Shape, Html>> = {
  pass: html`<circle class="solid" cx="12" cy="12" r="10"/><path class="cut" d="M7.5 12.5l3 3 6-6.5"/>`,
  stale: html`<circle cx="12" cy="12" r="10"/><path d="M7.5 12.5l3 3 6-6.5"/>`,
  fail: html`<path class="solid" d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path class="cut" d="M8.5 8.5l7 7m0-7l-7 7"/>`,
  unsure: html`<path d="M12 1.5L22.5 12 12 22.5 1.5 12z"/><path d="M12 7v6m0 3v.5"/>`,
  none: html`<circle cx="12" cy="12" r="9.5" stroke-dasharray="3 3.5"/>`,
  dot: html`<circle class="solid" cx="12" cy="12" r="3"/>`,
  waived: html`<rect x="2.5" y="2.5" width="19" height="19" rx="2" stroke-dasharray="4 3"/><path d="M7 12h10"/>`
}

const colours: Readonly<Record<Shape, string>> = {
  pass: 'pass',
  stale: 'unsure',
  fail: 'fail',
  unsure: 'unsure',
  none: 'none',
  dot: 'none',
  waived: 'none'
}

function state(shape: Shape, word: string): Html {
  return html`<span class="state ${colours[shape]}"><svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${drawings[shape]}</svg>${word}</span>`
}

/** What a PASS is worth: `fresh` opens its gate; of the others the gate is closed. */
export type Worth = 'fresh' | 'stale' | 'blocked' | 'not trusted' | 'not proven'

export function verdictState(verdict: Verdict | null, worth: Worth = 'fresh'): Html {
  if (verdict === null) return state('none', 'NO VERDICT')
  if (verdict === 'PASS') return worth === 'fresh' ? state('pass', 'PASS') : state('stale', `PASS, ${worth}`)
  return verdict === 'FAIL' ? state('fail', 'FAIL') : state('unsure', 'INCONCLUSIVE')
}

const outcomes: Readonly<Record<Outcome, readonly [shape: Shape, word: string]>> = {
  pass: ['pass', 'pass'],
  fail: ['fail', 'fail'],
  unknown: ['unsure', 'not seen'],
  'not-applicable': ['none', 'not applicable'],
  waived: ['waived', 'waived']
}

export function outcomeState(outcome: Outcome): Html {
  return state(...outcomes[outcome])
}

export function pendingState(): Html {
  return state('none', 'CLAIMED')
}

export function wordState(word: string): Html {
  return state('dot', word)
}

/** Only the shape of a verdict, for a row of many; whoever cannot see it reads the word. */
export function verdictMark(verdict: Verdict): Html {
  const shape = verdict === 'PASS' ? 'pass' : verdict === 'FAIL' ? 'fail' : 'unsure'
  return html`<span class="state ${colours[shape]}"><svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${drawings[shape]}</svg></span>`
}
