import { installerArguments } from '../core/installerArguments.js'
import {
  diskValues,
  type FinishValues,
  type InstallSubject,
  type InstallSurroundings,
  type InstallValues,
  installValues,
  MEDIUM_FILES,
  type PlanValues,
  phoneUrls,
} from '../core/installValues.js'
import { mediumOf, type Profile } from '../core/profile.js'
import { isRefusal, type Refusal, refuse } from '../core/refusal.js'
import type { Media, MediumFile } from '../io/media.js'
import type { Templates } from '../io/templates.js'
import type { Mac } from '../wire/mac.js'
import type { Job } from './instances.js'

/** What iPXE loads: URLs, and the words of the kernel line. */
export type InstallerBoot = {
  readonly kernel: string
  readonly initrd: string
  readonly arguments: readonly string[]
}

/** The texts of an install: all are made when they are asked for, and none is kept. */
export type InstallDocuments = {
  /** For an installer with a kernel of its own, on a machine that netboots from the NIC `mac`. */
  boot(subject: InstallSubject, mac: Mac): Promise<InstallerBoot | Refusal>
  /** The scout's plan for an install or a wipe, a preseed or a kickstart. */
  answers(job: Job): Promise<string | Refusal>
  /** The script by which Debian's installer tells how far it is; its preseed fetches it. */
  reporter(job: Job): Promise<string>
  /** The script that makes the written system this instance. */
  finish(job: Job & { readonly phoneToken: string }): Promise<string>
}

type Parts = {
  templates: Templates
  media: Pick<Media, 'current'>
  /** Asked each time: the owner may add a key while the daemon runs. */
  around: () => Promise<InstallSurroundings>
  installerArguments: string // the owner's
}

type File = MediumFile & { readonly url: string }

/** Promises reject with the template's complaint, which names no value that is secret. */
export function createInstallDocuments(parts: Parts): InstallDocuments {
  const { templates, media, around } = parts

  /** Where machines fetch these files of the profile's medium, in the build that is current now. */
  async function filesOf(profile: Profile, url: string, names: readonly string[]): Promise<File[] | Refusal> {
    const medium = mediumOf(profile)
    const current = await media.current(medium)
    const files = names.flatMap(name => {
      const file = current?.manifest.files[name]
      return file ? [{ ...file, url: `${url}/boot/media/${medium}/${current.build}/${name}` }] : []
    })
    if (files.length === names.length) return files
    return refuse('conflict', `${medium} is missing: run "muster images build ${profile.name}"`)
  }

  async function plan(job: Job, values: InstallValues): Promise<string | Refusal> {
    const files = await filesOf(job.profile, values.urls.muster, [MEDIUM_FILES.image])
    if (isRefusal(files)) return files
    const [image] = files as [File]
    return templates.render('node/plan.sh.njk', { ...values, image } satisfies PlanValues)
  }

  return {
    async boot(subject, mac) {
      const { profile } = subject
      if (profile.installer === 'image') throw new Error(`${profile.name} is an image: it has no kernel`)
      const values = installValues(subject, await around())
      const files = await filesOf(profile, values.urls.muster, [MEDIUM_FILES.kernel, MEDIUM_FILES.initrd])
      if (isRefusal(files)) return files
      const [kernel, initrd] = files as [File, File]
      const line = { values, mac, more: parts.installerArguments }
      return {
        kernel: kernel.url,
        initrd: initrd.url,
        arguments: installerArguments[profile.installer](line),
      }
    },
    async answers(job) {
      const { disk, wipe } = job.instance
      if (job.task === 'wipe')
        return templates.render('node/wipe.sh.njk', { disk, ...diskValues(job), mode: wipe })
      const values = installValues(job, await around())
      return job.profile.installer === 'image'
        ? plan(job, values)
        : templates.render(job.profile.template, values)
    },
    reporter: async job => templates.render('preseed/reporter.sh.njk', installValues(job, await around())),
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
