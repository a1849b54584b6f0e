import {
  type FinishValues,
  type InstallSurroundings,
  type InstallValues,
  installValues,
  MEDIUM_FILES,
  type PlanValues,
  phoneUrls,
} from '../core/installValues.js'
import { mediumOf } from '../core/profile.js'
import type { Media } from '../io/media.js'
import type { Templates } from '../io/templates.js'
import type { Job } from './instances.js'

/** The texts of an install: all are made when they are asked for, and none is kept. */
export type InstallDocuments = {
  /** The scout's plan, a preseed or a kickstart. */
  answers(job: Job): Promise<string>
  /** The script that makes the written system this instance. */
  finish(job: Job & { readonly phoneToken: string }): Promise<string>
}

type Parts = {
  templates: Templates
  media: Pick<Media, 'current'>
  /** Asked each time: the owner may add a key while the daemon runs. */
  around: () => Promise<InstallSurroundings>
}

/** Promises reject with the template's complaint, which names no value that is secret. */
export function createInstallDocuments({ templates, media, around }: Parts): InstallDocuments {
  async function planned(job: Job, values: InstallValues): Promise<PlanValues> {
    const medium = mediumOf(job.profile)
    const current = await media.current(medium)
    const file = current?.manifest.files[MEDIUM_FILES.image]
    if (!file)
      throw new Error(`the image ${medium} is missing: run "muster images build ${job.profile.name}"`)
    const url = `${values.urls.muster}/boot/media/${medium}/${current.build}/${MEDIUM_FILES.image}`
    return { ...values, image: { url, size: file.size, sha256: file.sha256 } }
  }

  return {
    async answers(job) {
      const values = installValues(job, await around())
      return job.profile.installer === 'image'
        ? templates.render('node/plan.sh.njk', await planned(job, values))
        : templates.render(job.profile.template, values)
    },
    async finish({ phoneToken, ...job }) {
      const surroundings = await around()
      const values: FinishValues = {
        ...installValues(job, surroundings),
        phone: phoneUrls(surroundings.url, phoneToken),
      }
      return templates.render('node/finish.sh.njk', values)
    },
  }
}
