"""The look of the page: its style sheets, and the script that helps where Gradio does not."""

# For what is on the page; Gradio takes these rules for parts of it alone.
STYLE = """
footer { display: none !important; }
#file { position: absolute; left: -9999px; }
#status { min-height: 1.6em; }
#empty .html-container { border: 1px dashed var(--border-color-primary); border-radius: var(--block-radius);
  min-height: 240px; display: flex; align-items: center; justify-content: center;
  color: var(--body-text-color-subdued); }
.html-container:has(> .choices) { padding: 0 !important; }
.html-container > .choices { display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 2px; }
.html-container > .choices.large { grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); }
.html-container > .choices.dense { grid-template-columns: repeat(auto-fill, minmax(64px, 1fr)); max-height: 320px;
  overflow-y: auto; }
.choices button { display: flex; flex-direction: column; gap: 3px; padding: 3px; border-radius: 8px; text-align: center;
  border: 2px solid transparent; background: none; color: var(--body-text-color); cursor: pointer; min-width: 0; }
.choices img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 5px; }
.choices span { width: 100%; font-size: 12px; line-height: 1.25; overflow-wrap: break-word; }
.choices button:hover { border-color: var(--border-color-accent); }
.choices button[aria-pressed=true] { border-color: var(--color-accent); background: var(--color-accent-soft); }
:is(button, input, textarea, a, summary, [tabindex]):focus-visible {
  outline: 3px solid var(--color-accent) !important; outline-offset: 2px; }
@media (min-width: 701px) {
  #results { position: sticky; top: 12px; align-self: flex-start; max-height: calc(100vh - 24px); overflow-y: auto; }
}
@media (max-width: 700px) {
  #studio { flex-direction: column; flex-wrap: nowrap; }
  #controls, #results { display: contents; }
  #photo, #told { order: 1; }
  #results > * { order: 2; }
  #tabs { order: 3; }
  #results > #more { order: 4; }
  #empty { display: none; }
  #photo { height: 170px !important; }
  #kept .row { display: grid; grid-template-columns: 1fr 1fr; }
  #tabs .tab-container button { padding: 0 6px; font-size: 14px; }
  .html-container > .choices.strip { display: flex; overflow-x: auto; padding-bottom: 6px; }
  .choices.strip button { flex: 0 0 92px; }
}
"""
# For what is around it.
HEAD = """<style>
.gradio-container { overflow: clip !important; }  /* hidden would keep the result from staying in sight */
/* a message that comes again stands there once */
.toast-count, .toast-message-item[hidden], .toast-message-item[hidden] + .toast-separator { display: none !important; }
@media (max-width: 700px) { .gradio-container .app { padding: 12px !important; } }
</style>"""
# What Gradio leaves to do for those who do not see the pictures or have no mouse. Messages that come again stand once.
SCRIPT = """
() => {
  const each = (selector, mend) => document.querySelectorAll(selector).forEach(mend);
  const compare = handle => {
    if (handle.hasAttribute('tabindex')) return;
    const share = () => {
      const all = handle.parentElement.getBoundingClientRect(), here = handle.getBoundingClientRect();
      return Math.round(100 * (here.x + here.width / 2 - all.x) / all.width);
    };
    const tell = () => handle.setAttribute('aria-valuenow', share());
    Object.entries({tabindex: 0, role: 'slider', 'aria-label': 'How much of the photo is seen beside the result',
      'aria-valuemin': 0, 'aria-valuemax': 100}).forEach(([name, value]) => handle.setAttribute(name, value));
    handle.addEventListener('keydown', event => {
      const way = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1}[event.key];
      if (!way) return;
      event.preventDefault();
      const box = handle.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
      const step = way * handle.parentElement.getBoundingClientRect().width / 20;
      const drag = (target, type, by) => target.dispatchEvent(new MouseEvent(type,
        {bubbles: true, cancelable: true, view: window, clientX: x + by, clientY: y}));
      drag(handle, 'mousedown', 0);
      drag(window, 'mousemove', step);
      drag(window, 'mouseup', step);
      setTimeout(tell, 100);
    });
    tell();
  };
  const once = toast => {
    const seen = new Set();
    toast.querySelectorAll('.toast-message-item').forEach(e => {
      const text = e.textContent.trim();
      if (e.hidden !== seen.has(text)) e.hidden = seen.has(text);
      seen.add(text);
    });
  };
  const mend = () => {
    each('#status', e => e.setAttribute('aria-live', 'polite'));
    each('#compare img', e => { e.alt = e.matches('.fixed') ? 'The result' : 'The photo'; });
    each('#compare .outer', compare);
    each('#file', e => e.setAttribute('tabindex', -1));  // the buttons of the formats click it
    each('.toast-body', once);
    ['photo', 'painting', 'before', 'after'].forEach(name => each(`#${name} button[aria-label^="Drop"]`, e => {
      const label = e.closest('.block').querySelector('[data-testid=block-label]');
      e.ariaLabel = `${label.innerText}: drop or choose a file`;
    }));
  };
  // By the keyboard a slider moves without Gradio's event of its release, at which the picture is painted anew.
  document.addEventListener('keyup', event => {
    const {type} = event.target, typed = type === 'range' ? /Arrow|Page|Home|End/ : /Enter/;
    if ((type === 'range' || type === 'number') && typed.test(event.key))
      event.target.dispatchEvent(new PointerEvent('pointerup', {bubbles: true}));
  });
  new MutationObserver(mend).observe(document.body, {childList: true, subtree: true});
  mend();
}
"""
