import type { BrokenProfileView, DistroView, ProfileView } from '../core/instanceView.js'
import { mediumOf, type Profile } from '../core/profile.js'
import type { Media, Medium } from '../io/media.js'
import type { ProfileFile, Profiles } from '../io/profiles.js'

/** What can be installed, as the API shows it. */
export type ProfileViews = {
  profiles(): Promise<(ProfileView | BrokenProfileView)[]>
  /** What profiles are installed from, whether or not it was built yet. */
  distros(): Promise<DistroView[]>
}

type Usable = { readonly profile: Profile; readonly file: string }

const isUsable = (file: ProfileFile): file is ProfileFile & Usable => file.profile !== undefined

export function createProfileViews(
  profiles: Pick<Profiles, 'list'>,
  media: Pick<Media, 'list'>,
): ProfileViews {
  async function look() {
    const [files, found] = await Promise.all([profiles.list(), media.list()])
    return { files, built: new Map(found.map(medium => [medium.manifest.medium, medium])) }
  }

  return {
    async profiles() {
      const { files, built } = await look()
      return files.map(one =>
        isUsable(one) ? profileView(one, built.get(mediumOf(one.profile))) : brokenView(one),
      )
    },
    async distros() {
      const { files, built } = await look()
      const usable = files.filter(isUsable)
      const names = [...new Set(usable.map(({ profile }) => mediumOf(profile)))].sort()
      return names.map(name => distroView(name, usable, built.get(name)))
    },
  }
}

const brokenView = ({ name, file, problems = [] }: ProfileFile) => ({ name, source: file, problems })

function profileView({ profile, file }: Usable, medium: Medium | undefined): ProfileView {
  const { name, description, distribution, release, architecture, installer } = profile
  return {
    ...{ name, description, distribution, release, architecture, installer },
    source: file,
    medium: medium ? 'ready' : 'missing',
    ...(medium && { builtAt: medium.manifest.builtAt }),
  }
}

function distroView(name: string, usable: readonly Usable[], medium: Medium | undefined): DistroView {
  const users = usable.filter(({ profile }) => mediumOf(profile) === name)
  const [one] = users
  if (!one) throw new Error(`the medium ${name} has no profile`)
  const { distribution, release, installer } = one.profile
  const { kernel, files, builtAt } = medium?.manifest ?? { files: {} }
  const size = Object.values(files).reduce((sum, file) => sum + file.size, 0)
  return {
    ...{ name, distribution, release, installer, profiles: users.map(({ profile }) => profile.name) },
    ...(kernel !== undefined && { kernel }),
    ...(builtAt !== undefined && { builtAt, size }),
  }
}
