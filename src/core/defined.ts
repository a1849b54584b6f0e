/** The fields that hold a value: how a row or a report with gaps becomes optional properties. */
export const defined = <T extends object>(fields: { [K in keyof T]?: T[K] | null | undefined }): Partial<T> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<T>
