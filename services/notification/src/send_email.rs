//! Sends a mail as it is given.

use proto::notification::v1::SendEmailRequest;

use crate::error::SendError;
use crate::mail::{Body, Mail, Recipient, Subject};

/// Reads the request into a mail.
pub(crate) fn mail(request: &SendEmailRequest) -> Result<Mail, SendError> {
    let body =
        |field, text: &str| Body::parse(text).map_err(|error| SendError::Body { field, error });
    let html = Some(&request.html).filter(|html| !html.is_empty());
    Ok(Mail {
        to: Recipient::parse(&request.to)?,
        subject: Subject::parse(&request.subject)?,
        text: body("text", &request.text)?,
        html: html.map(|html| body("html", html)).transpose()?,
    })
}

/// The field of the request that an error is about.
pub(crate) fn field(error: &SendError) -> Option<&'static str> {
    match error {
        SendError::Recipient(_) => Some("to"),
        SendError::Subject(_) => Some("subject"),
        SendError::Body { field, .. } => Some(field),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> SendEmailRequest {
        SendEmailRequest {
            to: "ada@example.com".into(),
            subject: "Hello".into(),
            text: "Good day.".into(),
            html: String::new(),
        }
    }

    #[test]
    fn without_html_there_is_no_alternative() {
        assert!(mail(&request()).unwrap().html.is_none());
        let html = SendEmailRequest {
            html: "<p>Good day.</p>".into(),
            ..request()
        };
        assert_eq!(
            mail(&html).unwrap().html.unwrap().as_str(),
            "<p>Good day.</p>"
        );
    }

    #[test]
    fn each_faulty_value_names_its_field() {
        let faulty = [
            (
                "to",
                SendEmailRequest {
                    to: "a@localhost".into(),
                    ..request()
                },
            ),
            (
                "subject",
                SendEmailRequest {
                    subject: "Hi\r\nBcc: a@b.example".into(),
                    ..request()
                },
            ),
            (
                "text",
                SendEmailRequest {
                    text: String::new(),
                    ..request()
                },
            ),
            (
                "html",
                SendEmailRequest {
                    html: "\0".into(),
                    ..request()
                },
            ),
        ];
        for (name, request) in faulty {
            assert_eq!(field(&mail(&request).unwrap_err()), Some(name));
        }
    }
}
