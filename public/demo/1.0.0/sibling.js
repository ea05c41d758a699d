/**
 * What people say to each other, by language and part of the day.
 * `module.js` imports this file; a relative import stays on the same host and the same version.
 */

/** The parts of a day, each with the hour at which it begins. */
export const parts = [
  ["night", 0],
  ["morning", 5],
  ["day", 12],
  ["evening", 18],
  ["night", 23],
];

/** Greetings by language tag (BCP 47); `name` stands where the name goes. */
export const greetings = {
  ar: { morning: "صباح الخير، name!", day: "مرحبًا، name!", evening: "مساء الخير، name!", night: "تصبح على خير، name!" },
  cs: { morning: "Dobré ráno, name!", day: "Dobrý den, name!", evening: "Dobrý večer, name!", night: "Dobrou noc, name!" },
  de: { morning: "Guten Morgen, name!", day: "Guten Tag, name!", evening: "Guten Abend, name!", night: "Gute Nacht, name!" },
  en: { morning: "Good morning, name!", day: "Hello, name!", evening: "Good evening, name!", night: "Good night, name!" },
  es: { morning: "¡Buenos días, name!", day: "¡Buenas tardes, name!", evening: "¡Buenas tardes, name!", night: "¡Buenas noches, name!" },
  fr: { morning: "Bonjour, name !", day: "Bonjour, name !", evening: "Bonsoir, name !", night: "Bonne nuit, name !" },
  it: { morning: "Buongiorno, name!", day: "Buongiorno, name!", evening: "Buonasera, name!", night: "Buonanotte, name!" },
  ja: { morning: "nameさん、おはようございます！", day: "nameさん、こんにちは！", evening: "nameさん、こんばんは！", night: "nameさん、おやすみなさい！" },
  nl: { morning: "Goedemorgen, name!", day: "Goedendag, name!", evening: "Goedenavond, name!", night: "Goedenacht, name!" },
  pl: { morning: "Dzień dobry, name!", day: "Dzień dobry, name!", evening: "Dobry wieczór, name!", night: "Dobranoc, name!" },
  pt: { morning: "Bom dia, name!", day: "Boa tarde, name!", evening: "Boa tarde, name!", night: "Boa noite, name!" },
  sv: { morning: "God morgon, name!", day: "God dag, name!", evening: "God kväll, name!", night: "God natt, name!" },
  tr: { morning: "Günaydın, name!", day: "Merhaba, name!", evening: "İyi akşamlar, name!", night: "İyi geceler, name!" },
  uk: { morning: "Доброго ранку, name!", day: "Добрий день, name!", evening: "Добрий вечір, name!", night: "На добраніч, name!" },
};
