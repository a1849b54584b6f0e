/** A request that is not granted, with a reason that says what to do. */
export type Refusal = {
  refused: 'not-found' | 'conflict' | 'forbidden' | 'invalid'
  why: string
}

export const refuse = (refused: Refusal['refused'], why: string): Refusal => ({ refused, why })

export const isRefusal = (value: object): value is Refusal => 'refused' in value
