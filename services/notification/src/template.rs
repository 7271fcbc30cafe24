//! The mails that the platform writes itself.
//!
//! A mail is three templates: `<name>.subject.txt`, `<name>.txt` and `<name>.html`. Names ending in
//! `.html` are escaped, the others are not. All are compiled and rendered once at start, so that a
//! broken template stops the start and not the first mail.

use minijinja::{Environment, UndefinedBehavior, Value, context};

/// What is in the binary, by name.
const SOURCES: [(&str, &str); 3] = [
    (
        "welcome.subject.txt",
        include_str!("../templates/welcome.subject.txt"),
    ),
    ("welcome.txt", include_str!("../templates/welcome.txt")),
    ("welcome.html", include_str!("../templates/welcome.html")),
];

/// The compiled templates.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

/// A mail that was written from its templates, as text: nothing in it is parsed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML alternative.
    pub html: String,
}

// === impl Templates ===

impl Templates {
    /// Compiles every template and renders each once with an example.
    ///
    /// # Errors
    /// A template that does not compile, or that uses a value which is not there.
    pub fn new() -> Result<Self, minijinja::Error> {
        Self::from_sources(&SOURCES)
    }

    fn from_sources(sources: &[(&'static str, &'static str)]) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in sources {
            environment.add_template(name, source)?;
        }
        let templates = Self { environment };
        templates.welcome(Some("Ada"))?;
        templates.welcome(None)?;
        Ok(templates)
    }

    /// The welcome of a new user, who is greeted without a name where there is none.
    ///
    /// # Errors
    /// A fault of the template.
    pub fn welcome(&self, name: Option<&str>) -> Result<Rendered, minijinja::Error> {
        self.render("welcome", &context! { name })
    }

    fn render(&self, mail: &str, values: &Value) -> Result<Rendered, minijinja::Error> {
        let part = |suffix: &str| {
            self.environment
                .get_template(&format!("{mail}.{suffix}"))?
                .render(values)
        };
        Ok(Rendered {
            subject: part("subject.txt")?,
            text: part("txt")?,
            html: part("html")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_welcome_greets_by_name_in_both_forms() {
        let mail = Templates::new().unwrap().welcome(Some("Ada")).unwrap();
        assert_eq!(mail.subject, "Welcome to Trolleybus, Ada");
        assert!(mail.text.starts_with("Hello Ada,\n"), "{}", mail.text);
        assert!(mail.html.contains("Hello Ada,"), "{}", mail.html);
    }

    #[test]
    fn a_welcome_without_a_name_greets_without_one() {
        let mail = Templates::new().unwrap().welcome(None).unwrap();
        assert_eq!(mail.subject, "Welcome to Trolleybus");
        assert!(mail.text.starts_with("Hello,\n"), "{}", mail.text);
        assert!(mail.html.contains("Hello,"), "{}", mail.html);
    }

    #[test]
    fn a_hostile_name_is_escaped_in_html_and_left_in_text() {
        let name = "<img src=x onerror=\"alert('1')\"> & {{ 7 * 7 }}";
        let mail = Templates::new().unwrap().welcome(Some(name)).unwrap();
        assert!(!mail.html.contains("<img"), "{}", mail.html);
        assert!(mail.html.contains(
            "&lt;img src=x onerror=&quot;alert(&#x27;1&#x27;)&quot;&gt; &amp; {{ 7 * 7 }}"
        ));
        assert!(mail.text.contains(name), "{}", mail.text);
    }

    #[test]
    fn a_template_that_does_not_compile_stops_the_start() {
        let sources = [("welcome.subject.txt", "{% if %}")];
        assert!(Templates::from_sources(&sources).is_err());
    }

    #[test]
    fn a_template_that_uses_an_unknown_value_stops_the_start() {
        let mut sources = SOURCES;
        sources[1].1 = "Hello {{ nmae }}";
        let error = Templates::from_sources(&sources).unwrap_err();
        assert_eq!(error.name(), Some("welcome.txt"));
    }
}
