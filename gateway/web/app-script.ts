/**
 * What the page does in a browser with JavaScript: it listens for the names of parts that changed, and puts their
 * new markup, made by the server, in place of the old. Where events are not to be had it asks every ten seconds.
 */
export const appScript = `"use strict"
const state = document.getElementById("updates-state")
const pause = document.getElementById("pause")
const part = (name) => document.querySelector('[data-part="' + name + '"]')
const all = Array.from(document.querySelectorAll("[data-part]"), (element) => element.dataset.part)
const wanted = new Set()
let busy = false, paused = false, source, poll
const say = (text) => state.textContent !== text && (state.textContent = text)

function replace(name, markup) {
  const old = part(name)
  const selection = getSelection()
  if (!selection.isCollapsed && old.contains(selection.anchorNode)) return
  const focused = old.contains(document.activeElement) ? document.activeElement.id : ""
  const open = Array.from(old.querySelectorAll("details[open]"), (element) => element.id)
  old.innerHTML = markup
  for (const id of open) document.getElementById(id)?.setAttribute("open", "")
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true })
}

async function refresh(names) {
  for (const name of names) wanted.add(name)
  if (busy) return
  busy = true
  let trouble = ""
  for (const name of wanted) {
    wanted.delete(name)
    const response = await fetch("/fragment/" + name).catch(() => undefined)
    const markup = response?.ok ? await response.text().catch(() => undefined) : undefined
    if (markup === undefined) trouble = "The gateway does not answer. This page is as it was at its last update."
    else if (!paused) replace(name, markup)
  }
  if (!paused) say(trouble)
  busy = false
}

function start() {
  source?.close()
  clearInterval(poll)
  if (paused || document.hidden) return
  source = new EventSource("/events")
  source.onopen = () => refresh(all)
  source.addEventListener("changed", (event) => refresh(event.data.split(" ")))
  source.onerror = () => {
    refresh(all)
    if (source.readyState !== EventSource.CLOSED) return
    poll = setInterval(() => refresh(all), 10000)
  }
}

pause.onclick = () => {
  paused = !paused
  pause.textContent = paused ? "Resume updates" : "Pause updates"
  say(paused ? "Paused: the figures below stand still." : "")
  start()
}
document.addEventListener("visibilitychange", start)
document.getElementById("updates").hidden = false
start()
`
