import type { WatcherModel } from '../../board/model.ts'
import type { WatcherStatus } from '../../watch/state.ts'

/** How a watcher stands, as the board shows it. */
export function watcherModel(
  { beatAt, doing, polledAt, troubles }: Pick<WatcherStatus, 'beatAt' | 'doing' | 'polledAt' | 'troubles'>,
  state: WatcherModel['state']
): WatcherModel {
  return {
    state,
    beatAt,
    doing: doing.about === null ? doing.what : `${doing.what} ${doing.about}`,
    polledAt,
    troubles: troubles.map(({ subject, kind, since, why }) => ({ subject, kind, since, why }))
  }
}
