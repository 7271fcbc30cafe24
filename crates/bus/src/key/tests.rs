use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _, Value,
};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto, FileDescriptorSet,
};

use super::*;

const KINDS: [(&str, Type); 14] = [
    ("text", Type::String),
    ("raw", Type::Bytes),
    ("flag", Type::Bool),
    ("choice", Type::Enum),
    ("i32", Type::Int32),
    ("i64", Type::Int64),
    ("u32", Type::Uint32),
    ("u64", Type::Uint64),
    ("s32", Type::Sint32),
    ("s64", Type::Sint64),
    ("f32", Type::Fixed32),
    ("f64", Type::Fixed64),
    ("sf32", Type::Sfixed32),
    ("sf64", Type::Sfixed64),
];

/// A message with a field of every kind that can order.
fn descriptor() -> MessageDescriptor {
    let field = |(number, (name, kind)): (i32, &(&str, Type))| FieldDescriptorProto {
        name: Some((*name).to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some((*kind).into()),
        type_name: (*kind == Type::Enum).then(|| ".Choice".to_owned()),
        ..FieldDescriptorProto::default()
    };
    let choice = |(number, name): (i32, &str)| EnumValueDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        ..EnumValueDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("ordered.proto".into()),
        syntax: Some("proto3".into()),
        message_type: vec![DescriptorProto {
            name: Some("Ordered".into()),
            field: (1..).zip(&KINDS).map(field).collect(),
            ..DescriptorProto::default()
        }],
        enum_type: vec![EnumDescriptorProto {
            name: Some("Choice".into()),
            value: (0..).zip(["NONE", "ONE", "TWO"]).map(choice).collect(),
            ..EnumDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    let set = FileDescriptorSet { file: vec![file] };
    let pool = DescriptorPool::from_file_descriptor_set(set).unwrap();
    pool.get_message_by_name("Ordered").unwrap()
}

fn key_of(message: &DynamicMessage, name: &str) -> Option<String> {
    let field = message.descriptor().get_field_by_name(name).unwrap();
    read(&field, message.encode_to_vec().into())
}

fn expected(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Bool(flag) => flag.to_string(),
        Value::I32(number) | Value::EnumNumber(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        other => panic!("no kind that orders: {other:?}"),
    }
}

#[test]
fn a_field_that_is_absent_has_its_default() {
    let message = DynamicMessage::new(descriptor());
    assert_eq!(key_of(&message, "text").unwrap(), "");
    assert_eq!(key_of(&message, "flag").unwrap(), "false");
    assert_eq!(key_of(&message, "choice").unwrap(), "0");
    assert_eq!(key_of(&message, "s64").unwrap(), "0");
}

#[test]
fn the_last_of_a_field_counts() {
    let mut message = DynamicMessage::new(descriptor());
    message.set_field_by_name("text", Value::String("first".into()));
    let mut bytes = message.encode_to_vec();
    message.set_field_by_name("text", Value::String("second".into()));
    bytes.extend(message.encode_to_vec());
    let field = message.descriptor().get_field_by_name("text").unwrap();
    assert_eq!(read(&field, bytes.into()).unwrap(), "second");
}

#[test]
fn bytes_that_are_no_message_have_no_key() {
    let field = descriptor().get_field_by_name("text").unwrap();
    for bad in [&b"\x0a"[..], b"\x0a\x05abc", b"\xff", b"\x08\x80"] {
        assert_eq!(read(&field, Bytes::copy_from_slice(bad)), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn the_key_is_what_a_whole_decoder_reads(
        text in ".{0,40}",
        raw in prop::collection::vec(any::<u8>(), 0..40),
        flag in any::<bool>(),
        (a, b) in (any::<i32>(), any::<i64>()),
    ) {
        let (ua, ub) = (a.cast_unsigned(), b.cast_unsigned());
        let mut message = DynamicMessage::new(descriptor());
        for (name, value) in [
            ("text", Value::String(text)),
            ("raw", Value::Bytes(raw.into())),
            ("flag", Value::Bool(flag)),
            ("choice", Value::EnumNumber(a)),
            ("i32", Value::I32(a)), ("i64", Value::I64(b)),
            ("u32", Value::U32(ua)), ("u64", Value::U64(ub)),
            ("s32", Value::I32(a)), ("s64", Value::I64(b)),
            ("f32", Value::U32(ua)), ("f64", Value::U64(ub)),
            ("sf32", Value::I32(a)), ("sf64", Value::I64(b)),
        ] {
            message.set_field_by_name(name, value);
        }
        for (name, _) in KINDS {
            let value = message.get_field_by_name(name).unwrap();
            prop_assert_eq!(key_of(&message, name).unwrap(), expected(&value), "{}", name);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for (name, _) in KINDS {
            let field = descriptor().get_field_by_name(name).unwrap();
            let _ = read(&field, bytes.clone().into());
        }
    }
}
