//! The OpenAPI document.

use http::StatusCode;
use serde_json::{Value as Json, json};
use transcode::{MethodPolicy, Options, Security, Transcoder, openapi};

use crate::support::library;

fn info() -> openapi::Info {
    let mut extra_paths = serde_json::Map::new();
    extra_paths.insert("/health".into(), json!({"get": {"operationId": "health"}}));
    openapi::Info {
        title: "Test".into(),
        version: "1.2.3".into(),
        description: "About.".into(),
        extra_paths,
    }
}

fn auth() -> Json {
    let policy = |method: &prost_reflect::MethodDescriptor| {
        Some(MethodPolicy {
            success_status: match method.name() {
                "Register" => StatusCode::CREATED,
                _ => StatusCode::OK,
            },
            security: match method.name() {
                "GetProfile" => Security::Bearer {
                    scopes: vec!["profile".into()],
                },
                _ => Security::Public,
            },
            ..MethodPolicy::default()
        })
    };
    let pool = proto::descriptors();
    Transcoder::new(pool, &["auth.v1.AuthService"], policy, Options::default())
        .unwrap()
        .openapi(&info())
}

#[test]
fn the_document_says_what_the_contract_says() {
    let document = auth();
    for (pointer, expected) in [
        ("/openapi", json!("3.1.0")),
        (
            "/info",
            json!({"title": "Test", "version": "1.2.3", "description": "About."}),
        ),
        ("/paths/~1health/get/operationId", json!("health")),
        ("/tags/0/name", json!("Auth")),
        (
            "/tags/0/description",
            json!(
                "Sign-up, sign-in and the profile: the face that browsers and apps see. The gateway hosts it."
            ),
        ),
        (
            "/paths/~1api~1v1~1auth~1login/post/operationId",
            json!("login"),
        ),
        ("/paths/~1api~1v1~1auth~1login/post/tags", json!(["Auth"])),
        ("/paths/~1api~1v1~1auth~1login/post/security", json!([])),
        (
            "/paths/~1api~1v1~1auth~1register/post/summary",
            json!("Creates an account and signs in"),
        ),
        (
            "/paths/~1api~1v1~1auth~1register/post/description",
            json!("A welcome mail follows."),
        ),
        (
            "/paths/~1api~1v1~1auth~1register/post/requestBody/content/application~1json",
            json!({
                "schema": {"$ref": "#/components/schemas/RegisterRequest"},
                "example": {
                    "email": "ada@example.com",
                    "password": "tram-7-crosses-the-Bridge",
                    "name": "Ada Lovelace",
                },
            }),
        ),
        (
            "/paths/~1api~1v1~1auth~1register/post/responses/201/content/application~1json/schema",
            json!({"$ref": "#/components/schemas/RegisterResponse"}),
        ),
        (
            "/paths/~1api~1v1~1auth~1profile/get/responses/200/content/application~1json/schema",
            json!({"$ref": "#/components/schemas/User"}),
        ),
        (
            "/paths/~1api~1v1~1auth~1profile/get/security",
            json!([{"bearerAuth": ["profile"]}]),
        ),
        (
            "/paths/~1api~1v1~1auth~1profile/get/responses/401",
            json!({"$ref": "#/components/responses/Error"}),
        ),
        (
            "/components/securitySchemes/bearerAuth/bearerFormat",
            json!("PASETO"),
        ),
        (
            "/components/schemas/RegisterRequest/properties/email",
            json!({
                "type": "string",
                "format": "email",
                "maxLength": 254,
                "description": "The address, which identifies the account.",
            }),
        ),
        (
            "/components/schemas/RegisterRequest/properties/password",
            json!({
                "type": "string",
                "format": "password",
                "writeOnly": true,
                "minLength": 8,
                "maxLength": 256,
                "description": "8 to 256 characters, taken exactly as they are.",
            }),
        ),
        (
            "/paths/~1api~1v1~1auth~1login/post/requestBody/required",
            json!(true),
        ),
        (
            "/paths/~1api~1v1~1auth~1refresh/post/requestBody/required",
            json!(false),
        ),
        (
            "/components/schemas/LoginRequest/additionalProperties",
            json!(false),
        ),
        (
            "/components/schemas/LoginRequest/properties/scopes/type",
            json!(["array", "null"]),
        ),
        (
            "/components/schemas/LoginRequest/properties/scopes/items",
            json!({
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
                "pattern": r"^[!#-\[\]-~]*$",
            }),
        ),
        (
            "/components/schemas/RegisterRequest/required",
            json!(["email", "password", "name"]),
        ),
        (
            "/components/schemas/User/properties/createdAt",
            json!({
                "type": "string",
                "format": "date-time",
                "description": "When the account was made.",
            }),
        ),
        (
            "/components/schemas/User/properties/roles",
            json!({
                "type": "array",
                "items": {"type": "string"},
                "description": "What the user may do beyond what everybody may.",
            }),
        ),
    ] {
        assert_eq!(document.pointer(pointer), Some(&expected), "{pointer}");
    }
    let token = document.pointer("/components/schemas/LoginResponse/properties/accessToken");
    assert_eq!(token.unwrap().get("writeOnly"), None);
    let profile = document
        .pointer("/paths/~1api~1v1~1auth~1profile/get")
        .unwrap();
    assert_eq!(profile.get("requestBody"), None);
    assert_eq!(profile.get("parameters"), None);
}

#[test]
fn wildcards_of_a_variable_are_parameters_of_their_own() {
    let document = library().openapi(&info());
    let paths = document["paths"].as_object().unwrap();
    let mut listed: Vec<_> = paths.keys().map(String::as_str).collect();
    listed.sort_unstable();
    assert_eq!(
        listed,
        [
            "/health",
            "/v1/anything",
            "/v1/books/mine",
            "/v1/books/{id}",
            "/v1/books/{id}:archive",
            "/v1/books/{id}:download",
            "/v1/books/{id}:watch",
            "/v1/choices/{text}",
            "/v1/echo",
            "/v1/everything",
            "/v1/everything/{id}",
            "/v1/files/{name}",
            "/v1/search",
            "/v1/shelves/{name1}/books/{name2}",
            "/v1/tags",
            "/v1/uploads/{id}",
        ]
    );
    // Other names do not make another path; the first ones stand for all.
    let shelf = &document["paths"]["/v1/shelves/{name1}/books/{name2}"];
    let named = |method: &str| {
        let parameters = shelf[method]["parameters"].as_array().unwrap();
        let of_path = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path");
        of_path
            .map(|parameter| parameter["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(named("get"), ["name1", "name2"]);
    assert_eq!(named("patch"), ["name1", "name2"]);
    let part = &shelf["patch"]["parameters"][0]["description"];
    assert_eq!(part, "A part of `book.name`.");
    let put = &document["paths"]["/v1/everything/{id}"]["put"];
    let schema = &put["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["properties"].get("id"), None);
    assert!(schema["properties"].get("i32").is_some());
}

#[test]
fn fields_outside_path_and_body_are_query_parameters() {
    let document = library().openapi(&info());
    let parameters = document
        .pointer("/paths/~1v1~1search/get/parameters")
        .unwrap();
    let names: Vec<_> = parameters
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    for expected in [
        "id",
        "kind",
        "labels",
        "author.fullName",
        "nested.i32",
        "at",
        "mask",
    ] {
        assert!(names.contains(&expected), "{expected} in {names:?}");
    }
    for hidden in ["authors", "byNumber", "free", "anyJson"] {
        assert!(!names.contains(&hidden), "{hidden} in {names:?}");
    }
}

/// Every `$ref` must lead somewhere, every operation id and every path parameter be unique.
#[test]
fn a_stream_has_a_content_of_each_form() {
    let document = library().openapi(&info());
    let answer = |path: &str| document["paths"][path]["get"]["responses"]["200"]["content"].clone();
    let watch = answer("/v1/books/{id}:watch");
    let book = "#/components/schemas/Book";
    assert_eq!(
        watch["application/json"]["schema"]["items"]["anyOf"][0]["$ref"],
        book
    );
    assert_eq!(
        watch["application/x-ndjson"]["schema"]["anyOf"][0]["$ref"],
        book
    );
    assert_eq!(watch["text/event-stream"]["schema"]["type"], "string");
    let download = answer("/v1/books/{id}:download");
    assert_eq!(download.as_object().unwrap().len(), 1, "{download}");
}

#[test]
fn the_document_is_consistent() {
    fn walk(json: &Json, document: &Json) {
        match json {
            Json::Object(object) => {
                if let Some(Json::String(reference)) = object.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                object.values().for_each(|value| walk(value, document));
            }
            Json::Array(items) => items.iter().for_each(|item| walk(item, document)),
            _ => {}
        }
    }
    for document in [auth(), library().openapi(&info())] {
        walk(&document, &document);
        let mut ids = std::collections::HashSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id}");
                let Some(parameters) = operation["parameters"].as_array() else {
                    continue;
                };
                for parameter in parameters.iter().filter(|p| p["in"] == "path") {
                    let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
                    assert_eq!(path.matches(&name).count(), 1, "{method} {path} {name}");
                }
            }
        }
    }
}

/// "Try it out" sends the examples as they stand.
#[test]
fn examples_are_accepted_by_their_routes() {
    let library = library();
    let document = library.openapi(&info());
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let pointer = "/requestBody/content/application~1json/example";
            let Some(example) = operation.pointer(pointer) else {
                continue;
            };
            let path = path.replace(['{', '}'], "");
            let method = method.to_uppercase().parse().unwrap();
            let route = library.find(&method, &path).unwrap();
            let body = serde_json::to_vec(example).unwrap();
            if let Err(error) = route.request(None, Some("application/json"), &body) {
                // A path variable in the oneof of the body: no example can satisfy this route.
                assert_eq!(path, "/v1/choices/text", "{method} {path}: {error}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried}");
}
