/**
 * Search, and nothing else: the page is whole without it, which is why the script itself shows the field. It
 * hides what does not hold every word that was typed, and says how much is left.
 */
export const script = `
(() => {
  const box = document.querySelector('.find');
  const field = box.querySelector('input');
  const tally = box.querySelector('[role=status]');
  const items = [...document.querySelectorAll('[data-find]')].map(item => [item, item.textContent.toLowerCase()]);
  const groups = [...document.querySelectorAll('[data-group]')];
  box.hidden = false;
  const find = () => {
    const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let left = 0;
    for (const [item, text] of items) {
      item.hidden = !words.every(word => text.includes(word));
      if (!item.hidden) left += 1;
    }
    for (const group of groups) group.hidden = words.length > 0 && !group.querySelector('[data-find]:not([hidden])');
    tally.textContent = words.length === 0 ? '' : left === 1 ? '1 entry fits' : left + ' entries fit';
  };
  field.addEventListener('input', find);
  field.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    field.value = '';
    find();
  });
  find();
})();
`.trim()
