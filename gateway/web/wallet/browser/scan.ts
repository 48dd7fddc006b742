import { element } from "./page.ts"

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>
}

/** Reads a QR code by the camera, where the browser can; elsewhere there is pasting. */
export function enableScan(found: (text: string) => void): void {
  const Detectors = (window as { BarcodeDetector?: new (options: { formats: string[] }) => Detector })
    .BarcodeDetector
  if (!Detectors || !navigator.mediaDevices) return
  const button = element<HTMLButtonElement>("scan")
  const video = element<HTMLVideoElement>("camera")
  const label = button.textContent
  let stream: MediaStream | undefined
  button.hidden = false

  function stop(): void {
    for (const track of stream?.getTracks() ?? []) track.stop()
    stream = undefined
    video.hidden = true
    button.textContent = label
  }

  button.addEventListener("click", async () => {
    if (stream) return stop()
    try {
      const detector = new Detectors({ formats: ["qr_code"] })
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } })
      video.srcObject = stream
      video.hidden = false
      button.textContent = button.dataset.stop ?? ""
      await video.play()
      while (stream) {
        const [code] = await detector.detect(video)
        if (code) {
          stop()
          return found(code.rawValue)
        }
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    } catch {
      stop()
      button.textContent = button.dataset.failed ?? ""
    }
  })
}
