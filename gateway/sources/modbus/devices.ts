import { PersonError } from "../../../protocol/error.ts"
import { bsmDevice } from "./bsm.ts"
import type { Device } from "./device.ts"
import { ocmfDevice } from "./ocmf.ts"
import type { Profile } from "./profile-shape.ts"
import { registersDevice } from "./registers.ts"
import type { SigningDeviceOptions } from "./signing-device.ts"
import { sunSpecDevice } from "./sunspec/device.ts"

/** What a device is asked with: what it measures, and for some kinds more. */
export type DeviceOptions = SigningDeviceOptions

/** Whether such a meter has a key of its own, and the gateway none for it. */
export const signsItself = ({ kind }: Profile): boolean => kind === "bsm" || kind === "ocmf"

/**
 * A device at work by its profile.
 * @throws PersonError when the profile does not say how it measures what it is installed for.
 */
export function deviceFor(profile: Profile, options: DeviceOptions): Device {
  switch (profile.kind) {
    case "registers":
      if (!profile.measures[options.measures])
        throw new PersonError(
          `The profile of ${profile.maker} ${profile.model} does not say how it measures ${options.measures}.`,
          { next: `It measures ${Object.keys(profile.measures).join(", ")}.` },
        )
      return registersDevice(profile, options.measures, options.serial)
    case "sunspec":
      return sunSpecDevice(profile, options)
    case "bsm":
      return bsmDevice(profile, options)
    case "ocmf":
      return ocmfDevice(profile, options)
  }
}
