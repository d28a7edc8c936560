// What is shown as the part of the address behind #, so that a link opens it and a reload stays:
// #step=7, #epoch=120&view=graph, #paths=w1&path=2, #present, #theme=dark, #print=steps.

const REST = 300; // milliseconds of quiet before the address is written

class Address {
  constructor(changed) {
    addEventListener('hashchange', () => location.hash !== this.own && changed(this.read()));
  }

  // The words as a Map; what is told to the page when it is made comes first.
  read() {
    const words = new Map(Object.entries(score.opening ?? {}));
    for (const part of location.hash.slice(1).split('&').filter(Boolean)) {
      const [name, value = ''] = part.split('=');
      words.set(name, decoded(value));
    }
    return words;
  }

  // Not at every step of a film: browsers refuse to be told too often. Pages within pages have no
  // address, and some of those that viewers show may not change theirs.
  write(words) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (location.protocol === 'about:') return;
      const text = [...words].map(([name, value]) => (value === '' ? name : `${name}=${encodeURIComponent(value)}`));
      this.own = text.length ? `#${text.join('&')}` : '#';
      try {
        if (location.hash !== this.own) history.replaceState(null, '', this.own);
      } catch {
        this.own = location.hash;
      }
    }, REST);
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
