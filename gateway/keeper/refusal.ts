/** Why a keeper does not do what it was asked for; for the other gateway's operator. */
export class Refusal extends Error {
  override name = "Refusal"
  readonly status: 400 | 404 | 409 | 413 | 422 | 507

  constructor(status: Refusal["status"], message: string) {
    super(message)
    this.status = status
  }
}
