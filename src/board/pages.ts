import { html, type Html, line, page } from './html.ts'
import type {
  BoardModel,
  CheckModel,
  FindingModel,
  MilestoneModel,
  Moment,
  PhaseModel,
  ReadModel,
  ReviewModel,
  WordModel
} from './model.ts'
import { proseOf } from './prose.ts'
import { script } from './script.ts'
import { exitCode } from '../lib/words.ts'
import { outcomeState, pendingState, verdictMark, verdictState, wordState, type Worth } from './shapes.ts'
import { style } from './style.ts'
import { trimmedEnd } from '../lib/text/trim.ts'

/**
 * The board as files: `index.html`, and a page for each review with its evidence. Pure: the same model is the
 * same bytes. Paths are relative, so that the folder can be served from anywhere, or opened from a disk.
 */
export function boardFiles(model: BoardModel): ReadonlyMap<string, string> {
  return new Map(boardPages(model))
}

/** The same, one after the other: whoever has other things to do does them between. */
export function* boardPages(model: BoardModel): Generator<readonly [path: string, page: string]> {
  yield ['index.html', indexPage(model)]
  for (const word of model.words) yield [reviewFile(word), wordPage(model, word)]
  for (const review of model.reviews) yield [reviewFile(review), reviewPage(model, review)]
}

function reviewFile({ commit }: Pick<ReviewModel, 'commit'>): string {
  return `reviews/${commit}.html`
}

/** Of the newest claims and reviews; the repo has them all. */
const mostMoments = 400

function indexPage(model: BoardModel): string {
  const { phases, timeline, doubts } = model
  const open = phases.flatMap(({ findings }) => findings).filter(({ status }) => status === 'open')
  return page({
    title: `${nameOf(model)}: adversary`,
    style,
    script,
    body: html`<a class="skip" href="#main">To the phases</a>
<header class="top">
<div><p class="brand">adversary</p><h1>${line(nameOf(model), 120)}</h1><p class="meta">Branch ${line(model.branch, 120)}, as of ${instant(model.at)}</p></div>
<div class="find" hidden><label for="find">Search this page</label><input id="find" type="search" autocomplete="off" spellcheck="false"><span role="status"></span></div>
</header>
<main id="main">
${sums(phases, open.length)}
${watcherLine(model)}
<nav class="jump" aria-label="On this page"><ul>${[
      ...phases.map(({ phase }) => ({ id: `phase-${phase}`, words: `Phase ${phase}` })),
      { id: 'timeline', words: 'Timeline' },
      ...(doubts.length > 0 ? [{ id: 'doubts', words: 'Not trusted' }] : [])
    ].map(({ id, words }) => html`<li><a href="#${line(id, 160)}">${line(words, 160)}</a></li>`)}</ul></nav>
${phases.length === 0 ? html`<p class="empty">There are no plans, claims or reviews yet.</p>` : null}
${phases.map(phase => phaseSection(model, phase))}
${timelineSection(model, timeline)}
${doubtSection(model)}
</main>
${footer(model)}`
  })
}

function sums(phases: readonly PhaseModel[], findings: number): Html {
  const stones = phases.flatMap(({ milestones }) => milestones)
  const count = (some: readonly MilestoneModel[]) => some.length
  const worths = ['fresh', 'stale', 'blocked', 'not trusted', 'not proven'] as const
  const parts = [
    ...worths.map(
      worth =>
        [
          verdictState('PASS', worth),
          count(stones.filter(stone => stone.verdict === 'PASS' && worthOf(stone) === worth))
        ] as const
    ),
    [verdictState('FAIL'), count(stones.filter(({ verdict }) => verdict === 'FAIL'))],
    [verdictState('INCONCLUSIVE'), count(stones.filter(({ verdict }) => verdict === 'INCONCLUSIVE'))],
    [verdictState(null), count(stones.filter(({ verdict }) => verdict === null))]
  ] as const
  return html`<ul class="sum" aria-label="All milestones">${parts
    .filter(([, number]) => number > 0)
    .map(
      ([state, number]) => html`<li><b>${number}</b> ${state}</li>`
    )}<li><b>${findings}</b> <span class="quiet">open ${findings === 1 ? 'finding' : 'findings'}</span></li></ul>`
}

/** Whether the watcher goes on, and when each host answered last. */
function watcherLine({ watcher, hosts }: BoardModel): Html {
  const going =
    watcher === null
      ? null
      : html`<li>${wordState(`watcher ${watcher.state}`)} <span class="quiet">${line(watcher.doing, 160)}; heartbeat ${instant(watcher.beatAt)}; remote answered ${
          watcher.polledAt === null ? 'never' : instant(watcher.polledAt)
        }</span></li>`
  const troubles = (watcher?.troubles ?? []).filter(({ kind }) => kind !== 'host')
  if (going === null && hosts.length === 0) return html``
  return html`<ul class="alive" aria-label="Watcher and hosts">${going}${troubles.map(
    ({ subject, why, since }) =>
      html`<li><b class="fail">${line(subject, 160)}</b> <span class="quiet">since ${instant(since)}: ${line(why)}</span></li>`
  )}${hosts.map(
    ({ name, seenAt, trouble }) =>
      html`<li><b>${line(name, 80)}</b> <span class="quiet">last contact ${seenAt === null ? 'unknown' : instant(seenAt)}</span>${
        trouble === null
          ? null
          : html` <span class="fail">no answer since ${instant(trouble.since)}: ${line(trouble.why)}</span>`
      }</li>`
  )}</ul>`
}

/** The verdicts that a milestone had, oldest first, each with its page. */
function historyStrip(model: BoardModel, { milestone, history }: MilestoneModel): Html | null {
  if (history.length < 2) return null
  return html`<ol class="strip" aria-label="History of ${line(milestone, 80)}">${history.map(
    ({ verdict, commit, at }) => {
      const words = html`${verdictMark(verdict)}<span class="sr">${verdict}, ${line(at.slice(0, 16), 20)}Z</span>`
      return html`<li>${
        hasPage(model, commit) ? html`<a href="${reviewFile({ commit })}">${words}</a>` : words
      }</li>`
    }
  )}</ol>`
}

function hasPage({ reviews, words }: BoardModel, commit: string): boolean {
  return reviews.some(review => review.commit === commit) || words.some(word => word.commit === commit)
}

function phaseSection(model: BoardModel, phase: PhaseModel): Html {
  const { milestones, findings } = phase
  const closed = findings.filter(({ status }) => status === 'closed')
  const id = line(`phase-${phase.phase}`, 160)
  return html`<section data-group aria-labelledby="${id}">
<h2 id="${id}">${line(phase.phase, 80)}<span class="quiet">${phase.title === null ? 'no plan of this reviewer' : line(phase.title)}</span></h2>
<ol class="stones">${milestones.map(stone => milestoneItem(model, phase, stone))}</ol>
${findings.filter(({ status }) => status === 'open').map(finding => findingCard(model, phase, finding))}
${
  closed.length === 0
    ? null
    : html`<details class="past"><summary>${closed.length} closed ${closed.length === 1 ? 'finding' : 'findings'}</summary><ul class="checks">${closed.map(
        finding =>
          html`<li data-find>${wordState('closed')}<div>${line(finding.id, 20)}: ${line(finding.title)} <span class="quiet">${day(finding.last.at)}, ${commitLink(model, finding.last.commit)}</span></div></li>`
      )}</ul></details>`
}
</section>`
}

function milestoneItem(model: BoardModel, phase: PhaseModel, stone: MilestoneModel): Html {
  const { milestone, title, verdict, stale, claim, review, pending } = stone
  const seen = model.reviews.find(({ commit }) => commit === review?.commit)
  return html`<li data-find>
<div>${verdict === null && pending !== null ? pendingState() : verdictState(verdict, worthOf(stone))}</div>
<div><h3><span class="name">${line(milestone, 80)}</span>${title === null || title === milestone ? null : line(title)}</h3>
${claim === null ? null : html`<p class="meta">${line(claim.summary)}</p>`}
${stale === null ? null : html`<p class="gate unsure">Stale: ${line(stale)}</p>`}
${pending === null ? null : html`<p class="gate">Claimed${verdict === null ? null : ' again'}, not reviewed yet: ${line(pending.summary)} ${commitLink(model, pending.sha)}</p>`}
${blockers(model, phase, stone)}${gateWords(stone)}${historyStrip(model, stone)}</div>
<div class="when">${
    review === null
      ? 'never reviewed'
      : html`reviewed ${instant(review.at)}<br>${commitLink(model, review.commit)}${
          claim === null ? null : html` for claim ${commitLink(model, claim.sha)}`
        }`
  }</div>
${
  seen === undefined
    ? null
    : html`<details><summary>${tally(seen.checks)}</summary>${checkList(seen.checks)}<p class="meta"><a href="${reviewFile(seen)}">All evidence of ${line(seen.target, 120)}, ${instant(seen.at)}</a></p></details>`
}
</li>`
}

function worthOf({ stale, gate }: MilestoneModel): Worth {
  if (gate?.open === true) return stale === null ? 'fresh' : 'stale'
  if (gate?.code === exitCode.notTrusted) return 'not trusted'
  if (gate?.code === exitCode.fail) return 'blocked'
  return stale === null ? 'not proven' : 'stale'
}

/** What keeps its gate closed whatever its verdict is. */
function blockers(
  model: BoardModel,
  { phase, findings, vetoes }: PhaseModel,
  { milestone }: MilestoneModel
): Html {
  const is = (name: string) => name === '*' || name.toLowerCase() === milestone.toLowerCase()
  const open = findings.filter(({ status, blocks }) => status === 'open' && blocks.some(is))
  return html`${open.map(
    ({ id }) => html`<p class="gate fail">Blocked by <a href="#${anchor(phase, id)}">${line(id, 20)}</a></p>`
  )}${vetoes
    .filter(veto => is(veto.milestone))
    .map(({ by, commit, reason }) => {
      const words = `Vetoed by ${line(by, 120)}`
      return html`<p class="gate fail">${
        hasPage(model, commit)
          ? html`<a href="${reviewFile({ commit })}">${words}</a>`
          : html`${words} ${commitLink(model, commit)}`
      }${reason === null ? null : html`: ${line(reason)}`}</p>`
    })}`
}

function anchor(phase: string, id: string): string {
  return line(`finding-${phase}-${id}`, 160).replace(/[^\w-]/g, '_')
}

function gateWords({ gate, verdict }: MilestoneModel): Html {
  if (gate?.open === true) return html`<p class="gate"><b>Gate open</b></p>`
  // Of a milestone that waits for its first review the verdict says it all.
  if (gate === null || (verdict === null && gate.code === exitCode.notProven)) return html``
  return html`<p class="gate"><b>Gate closed:</b> ${line(gate.reasons.slice(0, 3).join('; '), 500)}</p>`
}

function tally(checks: readonly CheckModel[]): string {
  const words = {
    pass: 'passed',
    fail: 'failed',
    unknown: 'not seen',
    'not-applicable': 'not applicable',
    waived: 'waived'
  }
  const parts = (['fail', 'unknown', 'waived', 'not-applicable', 'pass'] as const).flatMap(outcome => {
    const number = checks.filter(check => check.outcome === outcome).length
    return number === 0 ? [] : [`${number} ${words[outcome]}`]
  })
  return `${checks.length} ${checks.length === 1 ? 'check' : 'checks'}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`
}

const mostSaid = 8

function checkList(checks: readonly CheckModel[]): Html {
  return html`<ul class="checks">${checks.map(
    check => html`<li>${outcomeState(check.outcome)}<div>${line(check.title)}${said(check)}</div></li>`
  )}</ul>`
}

function said({ said: sentences }: CheckModel): Html {
  const rest = sentences.length - mostSaid
  return html`${sentences.slice(0, mostSaid).map(text => html`<p class="said">${spans(text)}</p>`)}${
    rest > 0 ? html`<p class="said">… and ${rest} more</p>` : null
  }`
}

/** Text on one line; what stands between backticks is code. */
export function spans(text: string): Html {
  const parts = line(text, 600).split(/`([^`]+)`/)
  return html`${parts.map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}

const severities = { critical: 'fail', high: 'fail', medium: 'unsure', low: 'none' } as const

function findingCard(model: BoardModel, phase: PhaseModel, finding: FindingModel): Html {
  const { id, title, severity, origin, blocks, filed, section } = finding
  const key = anchor(phase.phase, id)
  const prose = section === null ? null : proseOf(section, key)
  return html`<article class="found ${severities[severity]}" data-find aria-labelledby="${key}">
<header><h3 id="${key}">${line(id, 20)}: ${line(title)}</h3></header>
<p class="meta">Open · severity <b class="${severities[severity]}">${severity}</b> · ${
    blocks.length === 0 ? 'blocks nothing' : `blocks ${line(blocks.join(', '))}`
  } · ${origin === 'unknown' ? 'origin unknown' : origin} · since ${day(filed.at)}, ${commitLink(model, filed.commit)}</p>
${prose?.ring ?? null}
${prose === null ? null : html`<details><summary>What was seen, and how to fix it</summary><div class="prose">${prose.words}</div></details>`}
</article>`
}

function timelineSection(model: BoardModel, timeline: readonly Moment[]): Html | null {
  if (timeline.length === 0) return null
  const shown = timeline.slice(0, mostMoments)
  const days = [...new Set(shown.map(({ at }) => at.slice(0, 10)))]
  const rest = timeline.length - shown.length
  return html`<section data-group aria-labelledby="timeline">
<h2 id="timeline">Timeline<span class="quiet">claims and reviews, newest first, in UTC</span></h2>
<ol class="days">${days.map(
    date =>
      html`<li data-group><h3>${date}</h3><ol>${shown
        .filter(({ at }) => at.startsWith(date))
        .map(moment => momentItem(model, moment))}</ol></li>`
  )}</ol>
${rest > 0 ? html`<p class="empty">… and ${rest} older, in the repo.</p>` : null}
</section>`
}

function momentItem(model: BoardModel, moment: Moment): Html {
  const { at, commit, target, what, verdict, text } = moment
  const state =
    what === 'claim' ? wordState('claim') : verdict === null ? wordState(what) : verdictState(verdict)
  const words = html`<b>${line(target, 140)}</b> ${line(text)}`
  return html`<li data-find>${time(at, at.slice(11, 16))}${state}<span class="what">${
    hasPage(model, commit) ? html`<a href="${reviewFile({ commit })}">${words}</a>` : words
  }</span>${commitLink(model, commit)}</li>`
}

function doubtSection(model: BoardModel): Html | null {
  const { doubts } = model
  if (doubts.length === 0) return null
  const words = {
    malformed: 'Malformed claim',
    own: "Claimed with the reviewer's identity",
    distrusted: 'Not trusted'
  }
  return html`<section data-group aria-labelledby="doubts"><h2 id="doubts">Not trusted<span class="quiet">or not understood</span></h2>
<ul class="doubts">${doubts.map(
    ({ commit, what, text, why }) =>
      html`<li data-find><b>${words[what]}</b>: ${line(text, 160)} ${commitLink(model, commit)}<br><span class="quiet">${line(why)}</span></li>`
  )}</ul></section>`
}

function reviewPage(model: BoardModel, review: ReviewModel): string {
  const { target, title, verdict, claim, commit, at, obstacles, checks, hunts, reads, file } = review
  return page({
    title: `${target}: ${verdict ?? title}`,
    style,
    script: null,
    body: html`<nav class="crumbs" aria-label="Back"><a href="../index.html">${line(nameOf(model), 120)}</a></nav>
<main>
<p class="brand">${review.kind === 'review' ? 'review' : review.kind.replace('-', ' ')}</p>
<h1>${line(target, 140)}: ${verdict ?? line(title, 200)}</h1>
${verdict === null || title === '' ? null : html`<p class="meta">${line(title, 200)}</p>`}
<dl class="facts">${[
      ...(verdict === null ? [] : [{ name: 'Verdict', value: verdictState(verdict) }]),
      ...(claim === null
        ? []
        : [{ name: 'Claim', value: html`${line(claim.summary, 600)} ${commitLink(model, claim.sha)}` }]),
      ...obstacles.map(text => ({ name: 'Missing', value: html`${line(text)}` })),
      { name: 'Looked at', value: instant(at) },
      { name: 'Commit', value: commitLink(model, commit) },
      { name: 'Evidence', value: html`<code>${line(file, 400)}</code>, with the whole output and the facts` }
    ].map(({ name, value }) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
${evidenceSection('checks', 'Checks', checks, reads)}
${evidenceSection('hunts', 'Hunt', hunts, reads)}
</main>
${footer(model)}`
  })
}

/** A signed word without evidence: what it appended to the review file, and who signed it. */
function wordPage(model: BoardModel, word: WordModel): string {
  const { commit, at, target, what, title, by, section } = word
  const prose = section === null ? null : proseOf(section, `word-${commit.slice(0, 12)}`)
  return page({
    title: `${target}: ${title}`,
    style,
    script: null,
    body: html`<nav class="crumbs" aria-label="Back"><a href="../index.html">${line(nameOf(model), 120)}</a></nav>
<main>
<p class="brand">${what}</p>
<h1>${line(target, 140)}: ${line(title, 200)}</h1>
<dl class="facts"><dt>Signed by</dt><dd>${line(by, 120)}</dd><dt>At</dt><dd>${instant(at)}</dd><dt>Commit</dt><dd>${commitLink(model, commit)}</dd></dl>
${prose?.ring ?? null}
${prose === null ? html`<p class="empty">Its section is not in the review file.</p>` : html`<div class="prose">${prose.words}</div>`}
</main>
${footer(model)}`
  })
}

export function evidenceSection(
  id: string,
  title: string,
  checks: readonly CheckModel[],
  reads: readonly ReadModel[]
): Html | null {
  if (checks.length === 0) return null
  const byNumber = new Map(reads.map(read => [read.n, read]))
  // The output of a read that many checks rest on stands in the page once.
  const told = new Set<number>()
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}<span class="quiet">${tally(checks)}</span></h2>
<ul class="checks">${checks.map(
    check =>
      html`<li>${outcomeState(check.outcome)}<div><h3>${line(check.title)} <span class="quiet">${line(check.place, 200)}</span></h3>${said(check)}${readFolds(check.reads, byNumber, told, id)}</div></li>`
  )}</ul></section>`
}

/** Of one output, in characters. The evidence file has more. */
const longestOutput = 12_000

function readFolds(
  numbers: readonly number[],
  reads: ReadonlyMap<number, ReadModel>,
  told: Set<number>,
  part: string
): Html {
  const seen = numbers.filter(n => reads.has(n))
  const before = seen.filter(n => told.has(n))
  const fresh = seen.filter(n => !told.has(n))
  for (const n of fresh) told.add(n)
  return html`${
    before.length === 0
      ? null
      : html`<p class="said">rests also on ${before.map(
          (n, index) => html`${index === 0 ? null : ', '}<a href="#${part}-${n}">read ${n}</a>`
        )}</p>`
  }${fresh.map(n => readFold(reads.get(n), part))}`
}

function readFold(read: ReadModel | undefined, part: string): Html {
  if (read === undefined) return html``
  const ended = read.exit === null ? `no answer: ${read.why ?? ''}` : `exit ${read.exit}`
  const shown = [read.stdout, read.stderr].filter(text => text.trim() !== '')
  return html`<details class="reads" id="${part}-${read.n}"><summary>read ${read.n}: <code>${line(shortened(read.command), 160)}</code></summary>
<p class="quiet">${line(placeOfRead(read.on), 120)}, ${line(ended, 200)}, ${Math.round(read.ms)} ms</p>
<pre tabindex="0">$ ${line(read.command, 2000)}</pre>
${shown.length === 0 ? html`<p class="quiet">no output</p>` : shown.map(output)}</details>`
}

function placeOfRead(on: string): string {
  if (on === 'web') return 'asked from the reviewer'
  return on === 'repo' || on === 'record' ? 'read from the repository' : `on ${on}`
}

/** A row of ids says nothing to a reader. */
function shortened(command: string): string {
  return command.replaceAll(/ [0-9a-z]{12,64}(?: [0-9a-z]{12,64})+(?= |$)/g, ids => {
    const words = ids.trim().split(' ')
    return ` ${words[0]?.slice(0, 12) ?? ''}… (${words.length} ids)`
  })
}

function output(text: string): Html {
  const cut = text.length > longestOutput
  return html`<pre tabindex="0">${cut ? text.slice(0, longestOutput) : text}</pre>${
    cut
      ? html`<p class="quiet">${longestOutput} of ${text.length} characters; the evidence file has more.</p>`
      : null
  }`
}

function footer({ version, at }: BoardModel): Html {
  return html`<footer>Made ${instant(at)} by adversary ${line(version, 40)} from signed commits only. It shows how things stood then: <code>adversary gate</code> says how they stand now.</footer>`
}

function commitLink({ commits }: BoardModel, sha: string): Html {
  const short = html`<span class="sha">${line(sha.slice(0, 9), 9)}</span>`
  return commits === null || !/^[0-9a-f]{40,64}$/.test(sha)
    ? short
    : html`<a href="${commits}${sha}" rel="noreferrer">${short}</a>`
}

function nameOf({ repo }: BoardModel): string {
  const path = trimmedEnd(repo, '/').replace(/\.git$/, '')
  return path.split(/[/:]/).filter(Boolean).slice(-2).join('/') || 'the repo'
}

export function instant(iso: string): Html {
  return time(iso, `${iso.slice(0, 16).replace('T', ' ')}Z`)
}

function day(iso: string): Html {
  return time(iso, iso.slice(0, 10))
}

/** What is no time stands as the text that it is: an attribute holds nothing that others wrote. */
function time(iso: string, words: string): Html {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d[\d:.]{0,20}Z$/.test(iso)
    ? html`<time datetime="${iso}">${words}</time>`
    : html`${line(iso, 30)}`
}
