# Registers an account, logs in with it and reads its profile. Each step names itself before it
# runs, so the last line of a failed run says which one it was.
set -eu

# call METHOD PATH EXPECTED-STATUS [curl options]: prints the body, ends the script on another status.
call() {
  method=$1 path=$2 expected=$3
  shift 3
  answer=$(curl --silent --show-error --max-time 20 --request "$method" \
    --write-out '\n%{http_code}' "$@" "$BASE$path")
  status=${answer##*
}
  body=${answer%
*}
  if [ "$status" != "$expected" ]; then
    echo "$method $path: expected $expected, got $status: $body" >&2
    return 1
  fi
  printf '%s\n' "$body"
}

random=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
email="helm-test-$(date +%s)@$EMAIL_DOMAIN"
credentials="\"email\":\"$email\",\"password\":\"$random\""

echo "ready"
call GET /readyz 200 >/dev/null

echo "register $email"
call POST /api/v1/auth/register 201 --header 'content-type: application/json' \
  --data "{$credentials,\"name\":\"Helm test\"}" >/dev/null

echo "log in"
login=$(call POST /api/v1/auth/login 200 --header 'content-type: application/json' \
  --data "{$credentials}")
token=$(printf '%s' "$login" | sed -n 's/.*"accessToken" *: *"\([^"]*\)".*/\1/p')
if [ -z "$token" ]; then
  echo "the answer to the login has no accessToken" >&2
  exit 1
fi

echo "read the profile"
profile=$(call GET /api/v1/auth/profile 200 --header "authorization: Bearer $token")
case $profile in
  *"\"$email\""*) echo "passed" ;;
  *)
    echo "the profile is not that of $email: $profile" >&2
    exit 1
    ;;
esac
