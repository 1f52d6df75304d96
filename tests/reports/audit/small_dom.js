// The parts of a browser that the audit's page uses, so that its script can be run by Node alone.
// node small_dom.js < {"tree": [tag, attributes, children], "scripts": [texts], "storage": {...} or null}
// Prints {"result": text of #result, "storage": what is kept}. Elements not in the tree do not exist here either.
"use strict";
const vm = require("vm");

class Event {
  constructor(type, options = {}) { Object.assign(this, options, { type, bubbles: !!options.bubbles }); }
  preventDefault() { this.defaultPrevented = true; }
}
class KeyboardEvent extends Event {}

class Element {
  constructor(tag, attributes = {}, children = []) {
    Object.assign(this, { tag, attributes, parent: null, listeners: {} });
    this.children = [];
    this.textContent = children.filter((child) => typeof child === "string").join("");
    for (const child of children) if (typeof child !== "string") this.append(make(child));
    this.value = attributes.value || "";
    this.checked = "checked" in attributes;
    this.hidden = "hidden" in attributes;
    this.id = attributes.id || "";
    const names = new Set((attributes.class || "").split(/\s+/).filter(Boolean));
    this.classList = {
      add: (name) => names.add(name), remove: (name) => names.delete(name), contains: (name) => names.has(name),
      toggle: (name, on) => (on ? names.add(name) : names.delete(name)),
    };
    Object.defineProperty(this, "className", { get: () => Array.from(names).join(" ") });
  }
  append(child) { child.parent = this; this.children.push(child); }
  remove() { this.parent.children = this.parent.children.filter((child) => child !== this); }
  * below() { for (const child of this.children) { yield child; yield* child.below(); } }
  matches(selector) {
    const parts = /^(\w*)(?:\.([\w-]+))?(?:\[(\w+)=(\w+)\])?$/.exec(selector);
    if (!parts) throw new Error(`small_dom does not know the selector ${selector}`);
    const [, tag, name, key, value] = parts;
    return (!tag || this.tag === tag) && (!name || this.classList.contains(name))
      && (!key || this.attributes[key] === value);
  }
  querySelectorAll(selector) { return Array.from(this.below()).filter((element) => element.matches(selector)); }
  querySelector(selector) { return this.querySelectorAll(selector)[0] || null; }
  closest(selector) { return this.matches(selector) ? this : this.parent && this.parent.closest(selector); }
  addEventListener(type, listener) { (this.listeners[type] ||= []).push(listener); }
  dispatchEvent(event) {
    event.target = this;
    for (let place = this; place; place = event.bubbles ? place.parent : null) {
      for (const listener of place.listeners[event.type] || []) listener(event);
    }
  }
  focus() {
    if (document.activeElement === this) return;
    document.activeElement = this;
    this.dispatchEvent(new Event("focusin", { bubbles: true }));
  }
  scrollIntoView() {}
  click() {
    const changes = this.attributes.type === "radio" && !this.checked;
    if (changes) {
      for (const other of document.querySelectorAll("input[type=radio]")) {
        if (other.attributes.name === this.attributes.name) other.checked = other === this;
      }
    }
    this.dispatchEvent(new Event("click", { bubbles: true }));
    if (changes) this.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
class HTMLAnchorElement extends Element {}

const make = ([tag, attributes, children]) =>
  new (tag === "a" ? HTMLAnchorElement : Element)(tag, attributes, children);
const { tree, scripts, storage } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const document = make(tree);
document.getElementById = (id) => Array.from(document.below()).find((element) => element.id === id) || null;
document.createElement = (tag) => make([tag, {}, []]);
document.body = document.querySelector("body");
document.activeElement = document.body;

const kept = storage || {};
const refuse = () => { throw new Error("storage is switched off"); };
const localStorage = Object.create({
  getItem: storage ? (key) => (key in kept ? kept[key] : null) : refuse,
  setItem: storage ? (key, value) => { kept[key] = localStorage[key] = value; } : refuse,
});
Object.assign(localStorage, kept);
const world = vm.createContext({
  document, localStorage, Event, KeyboardEvent, HTMLAnchorElement, URL: class {}, Blob, setTimeout: () => {},
});
for (const script of scripts) vm.runInContext(script, world);
setImmediate(function wait() {
  const shown = document.getElementById("result");
  if (!shown) return setImmediate(wait);
  process.stdout.write(JSON.stringify({ result: shown.textContent, storage: kept }));
});
