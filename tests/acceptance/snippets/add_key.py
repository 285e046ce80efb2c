import requests

url = "https://api.example.com/users/example_string/AddPhysicalKey"
headers = {
    "Authorization": "Bearer YOUR_TOKEN",
    "X-API-Key": "YOUR_API_KEY",
    "Content-Type": "application/json",
}
data = {
    "orgId": "example_string",
    "orgName": "example_string",
    "note": "example_string",
}

response = requests.post(url, headers=headers, json=data)
print(response.text)
