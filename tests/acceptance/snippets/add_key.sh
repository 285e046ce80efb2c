curl -sS -L -X POST 'https://api.example.com/users/example_string/AddPhysicalKey' \
  -H 'Content-Type: application/json' \
  -H 'Authorization: Bearer YOUR_TOKEN' \
  -H 'X-API-Key: YOUR_API_KEY' \
  -d '{
    "orgId": "example_string",
    "orgName": "example_string",
    "note": "example_string"
  }'
