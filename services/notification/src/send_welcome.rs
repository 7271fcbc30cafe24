//! Welcomes a new user.

use proto::notification::v1::SendWelcomeRequest;
use uuid::Uuid;

use crate::error::SendError;
use crate::mail::{Body, DisplayName, Mail, Recipient, Subject};
use crate::template::Templates;

/// Reads the request and writes the mail.
pub(crate) fn mail(templates: &Templates, request: &SendWelcomeRequest) -> Result<Mail, SendError> {
    Uuid::parse_str(&request.user_id).map_err(|_| SendError::UserId)?;
    let to = Recipient::parse(&request.email)?;
    let name = Some(DisplayName::parse(&request.name)?).filter(|name| !name.looks_like_a_link());
    let rendered = templates
        .welcome(name.as_ref().map(DisplayName::as_str))
        .map_err(SendError::Template)?;
    let body =
        |field, text: &str| Body::parse(text).map_err(|error| SendError::Body { field, error });
    Ok(Mail {
        to: to.named(name),
        subject: Subject::parse(&rendered.subject)?,
        text: body("text", &rendered.text)?,
        html: Some(body("html", &rendered.html)?),
    })
}

/// The field of the request that an error is about.
pub(crate) fn field(error: &SendError) -> Option<&'static str> {
    match error {
        SendError::UserId => Some("user_id"),
        SendError::Recipient(_) => Some("email"),
        SendError::Name(_) => Some("name"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str) -> SendWelcomeRequest {
        SendWelcomeRequest {
            user_id: "0190b0c0-0000-7000-8000-000000000001".into(),
            email: "ada@example.com".into(),
            name: name.into(),
        }
    }

    fn written(name: &str) -> Mail {
        mail(&Templates::new().unwrap(), &request(name)).unwrap()
    }

    #[test]
    fn a_welcome_goes_to_the_person_by_name() {
        let mail = written("Ada \"the first\" 🚎");
        assert_eq!(
            mail.to.correspondent().name.as_deref(),
            Some("Ada \"the first\" 🚎")
        );
        assert_eq!(
            mail.subject.as_str(),
            "Welcome to Trolleybus, Ada \"the first\" 🚎"
        );
    }

    #[test]
    fn a_name_that_advertises_a_site_is_not_repeated() {
        let mail = written("Win at evil.example");
        assert_eq!(mail.to.correspondent().name, None);
        for part in [
            mail.subject.as_str(),
            mail.text.as_str(),
            mail.html.unwrap().as_str(),
        ] {
            assert!(!part.contains("evil"), "{part}");
        }
    }

    #[test]
    fn the_longest_name_fits_into_the_subject() {
        assert!(written(&"é".repeat(100)).subject.as_str().ends_with("éé"));
    }

    #[test]
    fn each_faulty_value_names_its_field() {
        let templates = Templates::new().unwrap();
        let faulty = [
            (
                "user_id",
                SendWelcomeRequest {
                    user_id: "1".into(),
                    ..request("Ada")
                },
            ),
            (
                "email",
                SendWelcomeRequest {
                    email: "a@localhost".into(),
                    ..request("Ada")
                },
            ),
            ("name", request("Ada\r\nBcc: eve@evil.example")),
        ];
        for (name, request) in faulty {
            assert_eq!(field(&mail(&templates, &request).unwrap_err()), Some(name));
        }
    }
}
