import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shownHeadings, spokenIn } from '../../src/gate/headings.ts'
import { forge } from '../support/forge.ts'
import { type Base, type GateWorld, makeGateWorld, type Scene } from '../support/gate.ts'
import { cpuMsOf } from '../support/cpu.ts'

/** All that a text of a listed person says of gates: `veto M1 M2`, `veto *`. */
async function said(text: string): Promise<readonly string[]> {
  const heard = await Promise.all((await shownHeadings(Buffer.from(text))).map(({ text }) => spokenIn(text)))
  return heard.flatMap(one => {
    if (one === null || one.what === 'lift') return []
    const names = one.milestones.length > 0 ? one.milestones.join(' ') : '*'
    return [`${one.what} ${names}`]
  })
}

describe('a heading with a veto in it', () => {
  it.each([
    ['## VETO M1 and M2: x', 'veto M1 M2'],
    ['## VETO M1, M2 & M4: x', 'veto M1 M2 M4'],
    ['## VETO M1-M3: x', 'veto M1 M2 M3'],
    ['## VETO M1–M3: x', 'veto M1 M2 M3'],
    ['## VETO M1-3: x', 'veto M1 M2 M3'],
    ['## VETO M1 to M3', 'veto M1 M2 M3'],
    ['## VETO M2 - no', 'veto M2'],
    ['## VETO: M2', 'veto M2'],
    ['## VETO on milestone M2: x', 'veto M2'],
    ['## VETOED M2', 'veto M2'],
    ['## M2: VETO', 'veto M2'],
    ['## M2 vetoed', 'veto M2'],
    ['## M2: FAIL + VETO', 'veto M2'],
    ['## VETO HC2.1: x', 'veto HC2.1'],
    ['### Q4.9(c): FAIL + VETO', 'veto *'],
    ['## VETO — DONE not authorized by M2', 'veto *'],
    ['## VETO M2 and all that comes after', 'veto *'],
    ['## VETO M1, not M2', 'veto *'],
    ['## VETO M1-Q3: x', 'veto *'],
    ['## VETO M3-M1: x', 'veto *'],
    ['## VETO M1-M9999: x', 'veto *'],
    ['## VETO M1 (and M2)', 'veto *'],
    ['## Our veto', 'veto *'],
    ['## VETO not lifted M2', 'veto *'],
    ['## VETO M1. And M2', 'veto *'],
    ['## VETO M1! Also M2-M4', 'veto *'],
    ['## VETO M1. It is broken', 'veto M1'],
    ['## M1 vetoed. And M2', 'veto *']
  ])('%s', async (text, expected) => {
    expect(await said(text)).toEqual([expected])
  })

  it.each([
    ['one sign', '# VETO M2'],
    ['six signs', '###### VETO M2'],
    ['signs behind it', '## VETO M2 ##'],
    ['underlined', 'VETO M2\n======='],
    ['underlined with hyphens', 'VETO M2\n-------'],
    ['indented', '   ## VETO M2'],
    ['in a quote', '> ## VETO M2'],
    ['in a quote in a quote', '> > VETO M2\n> > ---'],
    ['in a list', '- ## VETO M2'],
    ['in a numbered list', '1. text\n\n   ## VETO M2'],
    ['in a note', '[^1]: ## VETO M2\n\nx[^1]'],
    ['in a table', '| a |\n| - |\n| ## VETO M2 |'],
    ['as HTML', '<h2>VETO M2</h2>'],
    ['as HTML with attributes over lines', '<h3\n  class="x">\nVETO\nM2\n</h3>'],
    ['as HTML around Markdown', '<h2>\n\nVETO M2\n\n</h2>'],
    ['as HTML that is left open', '<H1>VETO M2'],
    ['in a fold', '<details><summary>VETO M2</summary>\n\nx\n</details>'],
    ['by its role', '<div role="heading" aria-level="2">VETO M2</div>'],
    ['in a cell of HTML', '<table><tr><td><h2>VETO M2</h2></td></tr></table>'],
    ['bold', '## **VETO** M2'],
    ['partly in italics', '## V*ET*O M2'],
    ['bold as a whole paragraph', '**VETO M2**'],
    ['in code', '## `VETO M2`'],
    ['as a link', '## [VETO M2](https://example.test/)'],
    ['as a picture', '## ![VETO M2](x.png)'],
    ['with entities', '## &#86;ETO&#32;M2'],
    ['with hexadecimal entities', '## V&#x45;TO M2'],
    ['with entities in HTML', '<h2>&#86;ETO M2</h2>'],
    ['with tags in it', '## V<b>ET</b>O M2'],
    ['with a comment in it', '## VE<!-- x -->TO M2'],
    ['with a backslash in it', '## V\\ETO M2'],
    ['in lower case', '## veto m2'],
    ['in wide letters', '## ＶＥＴＯ Ｍ２'],
    ['in Cyrillic look-alikes', '## V\u0415\u0422\u041e \u041c2'],
    ['in Greek look-alikes', '## V\u0395\u03a4\u039f \u039c2'],
    ['in mathematical letters', '## \u{1d415}\u{1d404}\u{1d413}\u{1d40e} M2'],
    ['in small capitals', '## \u1d20\u1d07\u1d1b\u1d0f M2'],
    ['with an accent', '## V\u00e9to M2'],
    ['with a joiner in it', '## VE\u200bTO M2'],
    ['with a soft hyphen in it', '## VE\u00adTO M2'],
    ['with a mark of direction', '## \u202aVETO\u202c M2'],
    ['with a byte order mark', '\ufeff## VETO M2'],
    ['with the line ends of Windows', 'text\r\n\r\n## VETO M2\r\n'],
    ['with dots', '## V.E.T.O M2'],
    ['without a space', '##VETO M2'],
    ['with wide signs', '＃＃ VETO M2'],
    ['behind front matter', '---\nVETO M2\n---\n'],
    ['on three lines', '## a\n\n## VETO M2\n\n## b']
  ])('is heard: %s', async (_, text) => {
    expect(await said(text)).toContain('veto M2')
  })

  it.each([
    ['in a paragraph', 'I do not veto M2: the VETO of yesterday is settled.'],
    ['in a paragraph with a bold word', 'A **veto** of M2 is not needed.'],
    ['in a list', '- veto M2?\n- no'],
    ['in a quote', '> VETO M2: said somebody'],
    ['in a table', '| veto | M2 |\n| - | - |\n| none | x |'],
    ['in a fence', '```\n## VETO M2: to be written like this\n```'],
    ['in a long fence', '~~~~~\n```\n## VETO M2\n```\n~~~~~'],
    ['in a block of code', 'So:\n\n    ## VETO M2'],
    ['as HTML in a fence', '```html\n<h2>VETO M2</h2>\n```'],
    ['as HTML in a block of code', 'So:\n\n    <h2>VETO M2</h2>'],
    ['as HTML in a comment', '<!-- <h2>VETO M2</h2> -->'],
    ['as HTML in code over lines', 'write `<h2>\nVETO M2</h2>`'],
    ['in a comment', '<!--\n## VETO M2\n-->'],
    ['in a word', '## The vet of M2'],
    ['in two words', '## M2: we have to wait'],
    ['in code of a paragraph', 'write `<h2>VETO M2</h2>`'],
    ['lifted', '## VETO LIFTED M2: fine'],
    ['cleared', '## M2: VETO cleared']
  ])('is not heard where it is none: %s', async (_, text) => {
    expect(await said(text)).toEqual([])
  })

  it('code ends no element, and what stands behind it is where it was', async () => {
    expect(await said('<h2>a\n\n```\n</h2>\n```\n\nVETO M2</h2>')).toContain('veto M2')
    const text = 'a `code` of ü\n\n```\nmore\n<b>\n```\n\n<h2>VETO M2</h2>\n'
    const [first] = await shownHeadings(Buffer.from(text))
    expect(first?.from).toBe(Buffer.from(text).indexOf('<h2>'))
  })

  it('is heard in any mixture of forms', async () => {
    const wraps: readonly ((text: string) => string)[] = [
      text => `## ${text}`,
      text => `${text}\n---`,
      text => `> ### ${text}`,
      text => `* # ${text}`,
      text => `<h4>${text}</h4>`
    ]
    const marks = ['', '**', '*', '_', '`', '\u200b', '\u2060', '\u00ad']
    const letters = [
      ['V', 'v', 'Ｖ', '\u2164'],
      ['E', 'e', '\u0415', '\u0435', '\u00e9'],
      ['T', 't', '\u0422'],
      ['O', 'o', '\u041e', '\u03bf']
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...wraps),
        fc.constantFrom(...marks),
        fc.tuple(...letters.map(each => fc.constantFrom(...each))),
        async (wrap, mark, word) => {
          expect(await said(wrap(`${mark}${word.join('')}${mark} M2`))).toContain('veto M2')
        }
      )
    )
  })

  it('does not take long, whatever is written', async () => {
    const texts = [
      '## VETO M1' + ', M1'.repeat(50_000),
      '## VETO ' + '-'.repeat(50_000),
      '**'.repeat(40_000),
      '<h2>'.repeat(20_000),
      '## ' + 'M1-'.repeat(40_000)
    ]
    const ms = await cpuMsOf(async () => {
      for (const text of texts) await said(text)
    })
    expect(ms).toBeLessThan(20_000)
  })
})

describe('at the gate', () => {
  let context: GateWorld
  beforeAll(async () => {
    context = await makeGateWorld()
  })
  afterAll(() => context.dispose())

  const hand =
    (text: string, who: 'alice' | 'reviewer' | 'builder' = 'alice') =>
    (scene: Scene) =>
      scene.append(`\n${text}\n`, 'docs: a word', scene.keys[who])
  const again = async (scene: Scene) => {
    await scene.builder.pull()
    const claim = await scene.builder.commit('claim(pvfix-M2): again')
    await scene.builder.push('origin', 'HEAD:main')
    await scene.say({ claim, milestone: 'M2' })
    await scene.builder.pull()
  }
  const fail = '## M2: FAIL @2026-06-13T07:00Z'

  it('a veto in the commit that creates the review file counts', async () => {
    const scene = await context.open('empty')
    const text = '# REVIEW — phase pvfix (Adversary)\n\n## VETO M1: wait for the backup\n'
    await scene.builder.commit('docs: begin', { files: { [scene.path]: text }, key: scene.keys.alice })
    const claim = await scene.builder.commit('claim(pvfix-M1): patch ready')
    await scene.builder.push('origin', 'HEAD:main')
    await scene.say({ claim, milestone: 'M1' })
    const answer = await scene.gate({ gate: 'pvfix-M1' })
    expect(answer).toMatchObject({ code: 1, reasons: [expect.stringMatching(/alice vetoes M1/)] })
  })

  it.each<[string, Base, number, RegExp, (scene: Scene) => Promise<unknown>]>([
    ['two named', 'passed', 1, /alice vetoes M2/, hand('## VETO M1 and M2: x')],
    ['underlined', 'passed', 1, /alice vetoes M2/, hand('VETO M2\n---')],
    ['HTML', 'passed', 1, /alice vetoes M2/, hand('<h2>VETO M2</h2>')],
    ['in a quote', 'passed', 1, /alice vetoes M2/, hand('> ## VETO M2: x')],
    ['not understood', 'passed', 1, /alice vetoes \*/, hand('## VETO — DONE not authorized')],
    ['by the builder, who is not listed', 'passed', 0, /PASS/, hand('## VETO M2: x', 'builder')],
    ['a word in a paragraph', 'passed', 0, /PASS/, hand('There is no veto on M2.')],
    [
      'all of the phase, lifted as it was put',
      'passed',
      0,
      /PASS/,
      async scene => {
        await hand('## VETO — DONE not authorized')(scene)
        await hand('## VETO cleared')(scene)
      }
    ],
    [
      'two named, one of them lifted',
      'passed',
      1,
      /alice vetoes M2/,
      async scene => {
        await hand('## VETO M1 and M2: x')(scene)
        await hand('## VETO LIFTED M1: x')(scene)
      }
    ],
    [
      'two named, both cleared',
      'passed',
      0,
      /PASS/,
      async scene => {
        await hand('## VETO M1 and M2: x')(scene)
        await hand('## VETO CLEARED M1 and M2: x')(scene)
      }
    ],
    [
      'put and lifted by one commit, in that order',
      'passed',
      0,
      /PASS/,
      hand('## VETO M2: x\n\n## VETO LIFTED M2: settled')
    ],
    [
      'lifted and put by one commit, in that order',
      'vetoed',
      1,
      /alice vetoes M2/,
      hand('## VETO LIFTED M2: x\n\n## VETO M2: not settled')
    ],
    ['a FAIL by a listed person', 'passed', 1, /alice signed FAIL for M2 by hand/, hand(fail)],
    ['a FAIL by the reviewer', 'passed', 1, /adversary signed FAIL for M2 by hand/, hand(fail, 'reviewer')],
    ['a FAIL underlined', 'passed', 1, /FAIL/, hand('M2: FAIL @2026-06-13T07:00Z\n---')],
    ['a FAIL of another milestone', 'passed', 0, /PASS/, hand(fail.replace('M2', 'M7'))],
    ['a FAIL by the builder', 'passed', 0, /PASS/, hand(fail, 'builder')],
    ['a FAIL in a fence', 'passed', 0, /PASS/, hand(`\`\`\`\n${fail}\n\`\`\``)],
    [
      'an INCONCLUSIVE by a listed person',
      'passed',
      2,
      /alice signed INCONCLUSIVE/,
      hand(fail.replace('FAIL', 'INCONCLUSIVE'))
    ],
    [
      'a FAIL by hand, answered by a newer PASS',
      'passed',
      0,
      /PASS/,
      async scene => {
        await hand(fail)(scene)
        await again(scene)
      }
    ],
    [
      'a FAIL by hand after the newer PASS',
      'passed',
      1,
      /alice signed FAIL/,
      async scene => {
        await again(scene)
        await hand(fail)(scene)
      }
    ],
    [
      'a FAIL with trailers by a listed person',
      'passed',
      1,
      /alice signed FAIL/,
      async scene => {
        await scene.builder.pull()
        await forge(scene, {
          claim: scene.at.claim2,
          verdict: 'FAIL',
          key: scene.keys.alice,
          evidenceBytes: null
        })
      }
    ],
    [
      'more that is slow to read than a gate has time for',
      'passed',
      3,
      /takes more work to read than a gate does/,
      async scene => {
        for (let n = 0; n < 5; n += 1)
          await hand(`# ${n}\n\n<pre>\n\n</pre>\n\n${'a\n=\n'.repeat(2_400)}\n`)(scene)
      }
    ],
    [
      'a section of the reviewer that quotes a host',
      'passed',
      0,
      /PASS/,
      scene =>
        scene.say({ section: '## Said\n\n```\n## VETO M2: printed by a host\n<h1>VETO M2</h1>\n```\n' })
    ],
    [
      'a section of the reviewer whose words speak of one',
      'passed',
      0,
      /PASS/,
      scene => scene.say({ section: '## Said about the veto.service\n\nIts VETO is of no matter.\n' })
    ]
  ])('%s', async (_, base, code, why, attack) => {
    const scene = await context.open(base)
    await scene.builder.pull()
    await attack(scene)
    const answer = await scene.gate()
    expect({ code: answer.code, why: answer.reasons }).toEqual({
      code,
      why: expect.arrayContaining([expect.stringMatching(why)])
    })
  })
})

describe('what would take more than linear time', () => {
  const many = 200_000
  it.each([
    ['tags that never end', '<h2'.repeat(many)],
    ['elements without a role', '<a role="'.repeat(many)],
    ['roles in tags without an end', `${'<a '.repeat(many)}${'role=heading '.repeat(many)}>`],
    ['declarations that never end', `# ${'<!'.repeat(many)}`],
    ['declarations in an element', `<h2>${'<!'.repeat(many)}</h2>`],
    ['elements that never end', '<h2>'.repeat(many)],
    ['code between them', '`x` <b> '.repeat(many / 10)],
    ['blank lines', `<h2>${'\n \t'.repeat(many)}x`]
  ])(
    '%s',
    async (_, text) => {
      expect(await said(`${text}\n\n## VETO M2\n`)).toContainEqual(expect.stringMatching(/^veto /))
    },
    30_000
  )

  it.each([
    ['<h2 title=">">VETO M2</h2>', 'veto'],
    ['<h2 title="<">VETO M2</h2>', 'veto M2'],
    ['<h2>x</h2><h3>VETO M2</h3>', 'veto M2'],
    ['<H2\nclass="x"\n>VETO <b title="<">M2</b></H2>', 'veto M2'],
    ['<div class=x role=heading>VETO M2</div>', 'veto M2'],
    ['<h2>VETO M2', 'veto M2'],
    ['<h2>x\n\nVETO M2</h2>', 'veto M2']
  ])('and is still heard: %s', async (text, expected) => {
    expect((await said(text)).map(each => each.slice(0, expected.length))).toEqual([expected])
  })
})
