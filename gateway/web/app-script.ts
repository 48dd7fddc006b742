/**
 * What a page does in a browser with JavaScript: where it shows the present it listens for something new, and then puts
 * its parts, made anew by the server, in place of the old. Where events are not to be had it asks every ten seconds.
 * A chart says in words what its bar under the finger is. Without all of this each page is whole.
 */
export const appScript = `"use strict"
const { events, lost, paused: pausedWords, pause: pauseWords, resume } = document.body.dataset
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {})

for (const type of ["click", "pointerover"])
  document.addEventListener(type, (event) => {
    const bar = event.target.closest?.(".bar")
    if (!bar) return
    const figure = bar.closest("figure")
    figure.querySelector(".chosen")?.classList.remove("chosen")
    bar.classList.add("chosen")
    figure.querySelector(".readout").textContent = bar.querySelector("title").textContent
  })

if (events) {
  const state = document.getElementById("updates-state")
  const button = document.getElementById("pause")
  let busy = false, again = false, paused = false, source, poll
  const say = (text) => state.textContent !== text && (state.textContent = text)

  function replace(old, fresh) {
    const selection = getSelection()
    if (!selection.isCollapsed && old.contains(selection.anchorNode)) return
    const focused = old.contains(document.activeElement) ? document.activeElement.id : ""
    for (const { id } of old.querySelectorAll("details[open]"))
      if (id) fresh.querySelector("#" + id)?.setAttribute("open", "")
    old.replaceWith(fresh)
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true })
  }

  async function refresh() {
    again = busy
    if (busy) return
    busy = true
    const response = await fetch(location.pathname + "?parts", { headers: { accept: "text/html" } }).catch(() => undefined)
    const markup = response?.ok && !response.redirected ? await response.text().catch(() => undefined) : undefined
    if (markup !== undefined && !paused) {
      const fresh = new DOMParser().parseFromString(markup, "text/html")
      for (const part of fresh.querySelectorAll("[data-part]")) {
        const old = document.querySelector('[data-part="' + part.dataset.part + '"]')
        if (old && old.innerHTML !== part.innerHTML) replace(old, part)
      }
    }
    if (!paused) say(markup === undefined ? lost : "")
    busy = false
    if (again) refresh()
  }

  function start() {
    source?.close()
    clearInterval(poll)
    if (paused || document.hidden) return
    source = new EventSource(events)
    source.onopen = refresh
    source.addEventListener("live", refresh)
    source.onerror = () => {
      refresh()
      if (source.readyState !== EventSource.CLOSED) return
      clearInterval(poll)
      poll = setInterval(refresh, 10000)
    }
  }

  button.onclick = () => {
    paused = !paused
    button.textContent = paused ? resume : pauseWords
    say(paused ? pausedWords : "")
    start()
  }
  document.addEventListener("visibilitychange", start)
  document.getElementById("updates").hidden = false
  start()
}
`
